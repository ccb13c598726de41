"""`openbook ingest`, `corpus`, `synth`, `dataset`."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.console import Console
from cluster.errors import UsageError
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.prompts import render_target
from cluster.records import SPLITS, Split
from data_prep.exports import Format, Mode, export
from data_prep.ingest import ingest as run_ingest
from data_prep.ledger import Entries, read_ledger
from data_prep.synth import Metric, Order
from data_prep.synth import synth as run_synth

_SHOWN_ROWS = 200

corpus = typer.Typer(no_args_is_help=True, help="The documents and generations of a corpus.")
dataset = typer.Typer(no_args_is_help=True, help="Show or export a training set.")
CorpusName = Annotated[str, typer.Argument(metavar="CORPUS", help="Name of the corpus.")]
DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="name or name@version.")]


def ingest(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, a file, a pattern in quotes ('docs/**/*.md'), s3://bucket/prefix, or records: "
            "JSON lines (BEIR corpus.jsonl) and Parquet."
        ),
    ],
    corpus: Annotated[str, typer.Option(help="Name of the corpus.")],
    text_column: Annotated[
        str | None, typer.Option(help="Column of records that holds the text.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column that names records.")] = None,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Bring a corpus to what SOURCE holds: added, changed and deleted documents; live at the end."""
    columns = {"ingest__text_column": text_column, "ingest__id_column": id_column}
    with open_session(json_output, config, overrides, **columns) as session:
        report = run_ingest(session, source, corpus)
        counts = ", ".join(f"{count} {name}" for name, count in report["documents"].items())
        written, total = report["chunks"]["written"], report["chunks"]["total"]
        session.console.line(f"{corpus}: {counts} documents in {report['seconds']} s")
        session.console.line(
            f"generation {report['generation']} is live: {total} chunks, {written} written now"
        )
        for failure in report["failures"]:
            session.console.line(f"  failed {failure['doc_id']}: {failure['reason']}")
        session.console.result(report)


@corpus.command()
def status(
    name: CorpusName,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Every document of the live generation; the failed ones first, with reasons."""
    with open_session(json_output, config, overrides) as session:
        live = session.corpora.live(name)
        entries = read_ledger(session.store, name, live.generation)
        states = [entry.state for entry in entries.values()]
        counts = {state: states.count(state) for state in ("indexed", "failed", "deleted")}
        _show_entries(session.console, f"{name}, generation {live.generation}", entries)
        session.console.line(", ".join(f"{count} {state}" for state, count in counts.items()))
        session.console.result({
            "corpus": name,
            "generation": live.generation,
            "documents": counts,
            "chunks": live.chunks,
            "entries": [asdict(entry) for entry in entries.values()],
        })  # fmt: skip


@corpus.command()
def generations(
    name: CorpusName,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Complete builds of the corpus, newest first."""
    with open_session(json_output, config, overrides) as session:
        live = session.corpora.live(name).generation
        found = [
            {**asdict(g), "live": g.generation == live} for g in session.corpora.generations(name)
        ]
        columns = ("generation", "documents", "chunks", "created", "live")
        rows = [[_cell(g[column]) for column in columns] for g in found]
        session.console.table(f"Generations of {name}", columns, rows)
        session.console.result({"corpus": name, "live": live, "generations": found})


def synth(
    corpus: Annotated[str, typer.Option(help="Corpus with the oracle documents.")],
    dataset: Annotated[str, typer.Option(help="Name of the training set.")],
    qa: Annotated[Path | None, typer.Option(help="Question file, JSON lines.")] = None,
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
    """Questions and a corpus -> a RAFT set (a DSF set too), with distractors as retrieved."""
    if qa is None:
        raise UsageError("synth needs --qa FILE; writing questions with a teacher is not built yet")
    flags = {
        "raft__distractors": distractors,
        "raft__oracle_fraction": oracle_fraction,
        "raft__seed": seed,
    }
    with open_session(json_output, config, overrides, **flags) as session:
        report = run_synth(session, Order(corpus, dataset, qa, metric))
        counts = ", ".join(f"{count} {split}" for split, count in report["examples"].items())
        state = "unchanged" if report["unchanged"] else f"built in {report['seconds']} s"
        session.console.line(f"{dataset}@{report['version']}: {counts} examples, {state}")
        fraction, retrieved = report["oracle_fraction"], report["oracle_retrieved"]
        session.console.line(
            f"oracle kept in {fraction['measured']} of training examples (target {fraction['target']}), "
            f"retrieved for {retrieved} of all; metric {report['metric']}"
        )
        for reason, count in report["rejected"].items():
            session.console.line(f"  rejected {count}: {reason}")
        session.console.result(report)


@dataset.command()
def show(
    name: DatasetName,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Counts, settings and one example of a set."""
    with open_session(json_output, config, overrides) as session:
        manifest = session.datasets.manifest(name)
        spec = f"{manifest['dataset']}@{manifest['version']}"
        rows = [[split, str(manifest["counts"][split])] for split in SPLITS]
        session.console.table(spec, ("split", "examples"), rows)
        shown = ("corpus", "generation", "metric", "oracle_fraction", "rejected", "settings")
        for key in shown:
            session.console.line(f"{key}: {_cell(manifest[key])}")
        first = next(split for split in SPLITS if manifest["counts"][split])
        example = session.datasets.read(spec, first)[0]
        session.console.line(f"\n{example.question}")
        for number, document in enumerate(example.documents, 1):
            session.console.line(f"  [{number}] {document.role} {document.doc_id}")
        session.console.line(render_target(example.reasoning, example.answer))
        session.console.result({**manifest, "example": asdict(example)})


@dataset.command("export")
def export_set(
    name: DatasetName,
    output: Annotated[Path, typer.Option(help="File to write, JSON lines.")],
    format: Annotated[Format, typer.Option(help="Schema of a line.")],
    mode: Annotated[Mode, typer.Option(help="With documents, or closed book.")] = "raft",
    split: Annotated[Split, typer.Option(help="Which part.")] = "train",
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Write a split for another trainer."""
    with open_session(json_output, config, overrides) as session:
        spec = "@".join(session.datasets.resolve(name))
        rows = export(session.datasets.read(spec, split), format, mode, output)
        session.console.line(f"{rows} examples of {spec} ({split}, {mode}) -> {output}")
        session.console.result({
            "dataset": spec, "split": split, "mode": mode, "format": format, "rows": rows,
            "output": str(output),
        })  # fmt: skip


def _show_entries(console: Console, title: str, entries: Entries) -> None:
    order = {"failed": 0, "indexed": 1, "deleted": 2}
    listed = sorted(entries.values(), key=lambda entry: (order[entry.state], entry.doc_id))
    rows = [[e.doc_id, e.state, str(e.chunks), e.reason] for e in listed[:_SHOWN_ROWS]]
    console.table(title, ("document", "state", "chunks", "reason"), rows)
    if len(listed) > _SHOWN_ROWS:
        console.line(f"and {len(listed) - _SHOWN_ROWS} more; --json lists all")


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_cell(item)}" for key, item in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else ""
    return str(value)
