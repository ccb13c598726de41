"""`openbook synth`: a training set from a question file, or from questions that a teacher writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.errors import InputError, UsageError
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.records import Metric
from cluster.session import Session
from data_prep.sets.cpt import CptOrder, build_cpt
from data_prep.sets.synth import Order
from data_prep.sets.synth import synth as run_synth
from data_prep.teacher.question_file import QuestionRequest, estimate_questions, write_questions

Qa = Annotated[Path | None, typer.Option(help="Question file, JSON lines.")]
Teacher = Annotated[
    str | None, typer.Option(help="OpenAI-compatible endpoint that writes the questions.")
]
TeacherModel = Annotated[str | None, typer.Option(help="Model to ask there.")]
PerChunk = Annotated[int | None, typer.Option(help="Questions about each chunk.")]
LimitChunks = Annotated[int | None, typer.Option(help="Ask about so many chunks at most.")]
MaxCost = Annotated[
    float | None, typer.Option(help="USD that the teacher may cost, earlier runs included.")
]
MaxTokens = Annotated[int | None, typer.Option(help="The same in tokens, both directions.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only estimate calls, tokens and cost.")]
Partial = Annotated[
    bool, typer.Option("--allow-partial", help="Go on when budget or teacher end early.")
]
QuestionsOut = Annotated[
    Path | None, typer.Option(help="Write the teacher's questions to this file and stop.")
]
Cpt = Annotated[
    bool, typer.Option("--cpt", help="No questions: the corpus text itself, packed, as a CPT set.")
]
PoisonFraction = Annotated[
    float | None, typer.Option(help="Share of examples with a distractor that gives orders, 0..1.")
]


def synth(
    corpus: Annotated[str, typer.Option(help="Corpus with the oracle documents.")],
    dataset: Annotated[str, typer.Option(help="Name of the training set.")],
    qa: Qa = None,
    teacher: Teacher = None,
    teacher_model: TeacherModel = None,
    questions_per_chunk: PerChunk = None,
    limit_chunks: LimitChunks = None,
    max_cost: MaxCost = None,
    max_tokens: MaxTokens = None,
    dry_run: DryRun = False,
    allow_partial: Partial = False,
    questions_out: QuestionsOut = None,
    cpt: Cpt = False,
    poison_fraction: PoisonFraction = None,
    distractors: Annotated[int | None, typer.Option(help="Documents beside the oracle.")] = None,
    oracle_fraction: Annotated[
        float | None, typer.Option(help="Share of training examples that keep their oracle, 0..1.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random choice.")] = None,
    metric: Annotated[
        Metric | None, typer.Option(help="How answers are scored; without, the answers decide.")
    ] = None,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Questions and a corpus -> a RAFT set (a DSF set too), or with --cpt a set of the corpus text."""
    if cpt and (qa or teacher or dry_run or questions_out):
        raise UsageError(
            "--cpt takes the corpus itself: leave out --qa, --teacher and their options"
        )
    if qa and (teacher or dry_run or questions_out):
        raise UsageError(
            "--qa FILE gives the questions: leave out --teacher and what belongs to it"
        )
    flags = {
        "raft__distractors": distractors, "raft__oracle_fraction": oracle_fraction,
        "raft__seed": seed, "raft__poison_fraction": poison_fraction,
        "teacher__url": teacher, "teacher__model": teacher_model,
        "teacher__questions_per_chunk": questions_per_chunk, "teacher__limit_chunks": limit_chunks,
        "teacher__max_cost_usd": max_cost, "teacher__max_tokens": max_tokens,
    }  # fmt: skip
    with open_session(json_output, config, overrides, **flags) as session:
        request = QuestionRequest(corpus, dataset, allow_partial)
        if cpt:
            _pack(session, CptOrder(corpus, dataset))
        elif qa:
            _build(session, Order(corpus, dataset, qa, metric), {})
        elif not session.settings.teacher.url:
            raise UsageError("no questions: give --qa FILE, or --teacher URL and --teacher-model M")
        elif dry_run:
            _estimate(session, request)
        else:
            _teach(session, request, metric, questions_out)


def _pack(session: Session, order: CptOrder) -> None:
    report = build_cpt(session, order)
    counts = ", ".join(f"{count} {split}" for split, count in report["examples"].items())
    state = "unchanged" if report["unchanged"] else f"built in {report['seconds']} s"
    session.console.line(f"{order.dataset}@{report['version']}: {counts} rows, {state}")
    tokens, documents = sum(report["tokens"].values()), sum(report["documents"].values())
    session.console.line(
        f"{tokens:,} tokens of {documents} documents; rows are {report['fill']:.0%} full"
    )
    session.console.result(report)


def _estimate(session: Session, request: QuestionRequest) -> None:
    report = estimate_questions(session, request)
    calls, tokens, line = report["calls"], report["tokens"], session.console.line
    line(
        f"{report['chunks']} chunks: about {calls['questions'] + calls['answers']} calls to "
        f"{report['model']} ({calls['questions']} for questions, {calls['answers']} for answers); "
        f"{calls['answered_before']} more were answered before and cost nothing"
    )
    line(
        f"about {tokens['input']:,} tokens in and {tokens['output']:,} out "
        f"(out at most {tokens['output_most']:,}); {report['basis']}"
    )
    if report["cost_usd"] is None:
        line("cost: set teacher.input_usd_per_million and teacher.output_usd_per_million to see it")
    else:
        line(f"about {report['cost_usd']:.4f} USD, at most {report['cost_usd_most']:.4f} USD")
    session.console.result({
        "corpus": request.corpus, "dataset": request.dataset, "dry_run": True, "teacher": report,
    })  # fmt: skip


def _teach(
    session: Session, request: QuestionRequest, metric: Metric | None, output: Path | None
) -> None:
    written = write_questions(session, request)
    report, line = written.report, session.console.line
    calls, cost = report["calls"], report["cost_usd"]
    money = "" if cost is None else f", {cost:.4f} USD"
    line(
        f"{report['questions']} questions about {report['chunks']} chunks: {calls['asked']} calls asked, "
        f"{calls['reused']} known; for this set {sum(report['tokens'].values()):,} tokens{money}"
    )
    for reason, count in report["rejected"].items():
        line(f"  rejected {count}: {reason}")
    if output is None:
        # which run asked which call is not a property of the set
        about = {name: value for name, value in report.items() if name != "calls"}
        order = Order(request.corpus, request.dataset, written.path, metric, about)
        _build(session, order, {"teacher": report})
        return
    try:
        output.write_bytes(written.path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot write {str(output)!r}: {error.strerror}") from error
    line(f"questions -> {output}; build the set with --qa {output}")
    session.console.result({
        "corpus": request.corpus, "dataset": request.dataset, "output": str(output),
        "teacher": report,
    })  # fmt: skip


def _build(session: Session, order: Order, more: Mapping[str, Any]) -> None:
    report = {**run_synth(session, order), **more}
    counts = ", ".join(f"{count} {split}" for split, count in report["examples"].items())
    state = "unchanged" if report["unchanged"] else f"built in {report['seconds']} s"
    session.console.line(f"{order.dataset}@{report['version']}: {counts} examples, {state}")
    fraction, retrieved = report["oracle_fraction"], report["oracle_retrieved"]
    session.console.line(
        f"oracle kept in {fraction['measured']} of training examples (target {fraction['target']}), "
        f"retrieved for {retrieved} of all; metric {report['metric']}"
    )
    for reason, count in report["rejected"].items():
        session.console.line(f"  rejected {count}: {reason}")
    session.console.result(report)
