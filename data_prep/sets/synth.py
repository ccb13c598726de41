"""Questions + live generation -> a RAFT set, which is a DSF set too.

    questions ─▶ splits ─▶ review ─▶ oracles and quotes ─▶ retrieve and build (Ray Data) ─▶ publish

The version follows from questions, generation, settings and prompt contract: the same inputs give
the same version, which is then not built again. A killed run publishes nothing; run it again.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.api_calls import answer_call
from cluster.corpora import Generation
from cluster.errors import InputError, NotFoundError
from cluster.keys import content_id, safe_name
from cluster.leases import Lease
from cluster.models import model_id
from cluster.prompts import PROMPT_HASH
from cluster.records import SPLITS, Metric, Question, as_json
from cluster.session import Session
from cluster.settings import Settings
from data_prep.corpus.texts import chunks_by_document
from data_prep.pipeline import map_groups
from data_prep.sets.card import render_card
from data_prep.sets.examples import BuildExamples, built_of, grouped
from data_prep.sets.oracles import Rejection
from data_prep.sets.questions import read_questions
from data_prep.sets.raft import RULES, Built, Task
from data_prep.sets.splits import leakage
from data_prep.sets.statistics import rejection_counts, statistics
from data_prep.sets.tasks import Plan, plan_set

# up to so many distinct answers over at least so many questions make them labels
_MAX_LABELS, _MIN_QUESTIONS = 5, 20
_CALLS = 0.9  # of the distinct answers, from which on a set is one of calls
_SHOWN_REJECTIONS = 100


@dataclass(frozen=True, slots=True)
class Order:
    """What to build: `metric` None means that the answers decide.

    `teacher` is who wrote the questions and what became of the others, for manifest and card.
    """

    corpus: str
    dataset: str
    questions: Path
    metric: Metric | None
    teacher: Mapping[str, Any] | None = None


def synth(session: Session, order: Order) -> dict[str, Any]:
    """Build and publish the set of a question file; returns the report of design §9.

    Raises what `build_set` raises, and InputError for a malformed question file.
    """
    safe_name("dataset", order.dataset)
    return build_set(session, order, read_questions(order.questions))


def build_set(session: Session, order: Order, questions: Sequence[Question]) -> dict[str, Any]:
    """Build and publish a set from questions, wherever they come from; `order.questions` only names them.

    Raises InputError when no question can be used or checked splits leak, NotFoundError for an unknown
    corpus, BusyError when the set is being built already.
    """
    started = time.monotonic()
    safe_name("dataset", order.dataset)
    generation = session.corpora.live(order.corpus)
    metric = order.metric or detect_metric(questions)
    version = version_of(questions, generation, session.settings, metric)
    lock = f"datasets/{order.dataset}/lock"
    with Lease(session.store, lock, f"synth of dataset {order.dataset!r}"):
        manifest = published(session, order.dataset, version)
        unchanged = manifest is not None
        if manifest is None:
            manifest = _build(session, order, questions, generation, (version, metric))
    return {**_report(manifest, unchanged), "seconds": round(time.monotonic() - started, 3)}


def detect_metric(questions: Sequence[Question]) -> Metric:
    """`label` when few answers repeat over many questions, `api_call` for calls, else `exact_match`."""
    answers = {question.answer.strip().casefold() for question in questions}
    if len(answers) <= _MAX_LABELS and len(questions) >= _MIN_QUESTIONS:
        return "label"
    calls = sum(answer_call(answer) is not None for answer in answers)
    return "api_call" if calls > _CALLS * len(answers) else "exact_match"


def version_of(
    questions: Sequence[Question], generation: Generation, settings: Settings, metric: Metric
) -> str:
    """12 hex digits that name the inputs of a set, whatever the order of the file."""
    records = sorted((as_json(question) for question in questions), key=lambda r: r["id"])
    parts = (generation.corpus, generation.generation, metric, PROMPT_HASH, RULES)
    return content_id(records, _settings(settings), *parts, length=12)


def published(session: Session, dataset: str, version: str) -> dict[str, Any] | None:
    """The manifest if this version is there already; it becomes the latest one then."""
    datasets = session.datasets
    try:
        manifest = datasets.manifest(f"{dataset}@{version}")
    except NotFoundError:
        return None
    datasets.publish(dataset, version, {}, manifest, "")  # writes nothing of a known version
    return manifest


def _build(
    session: Session,
    order: Order,
    questions: Sequence[Question],
    generation: Generation,
    name: tuple[str, Metric],
) -> dict[str, Any]:
    version, metric = name
    named = {doc for question in questions for doc in question.oracle}
    chunks = chunks_by_document(session.store, generation, named)
    plan = plan_set(questions, chunks, session.settings.raft)
    built, too_long = _built(session, plan.tasks, generation) if plan.tasks else ([], [])
    rejections = sorted([*plan.rejections, *too_long], key=lambda r: (r.question, r.reason))
    if not built:
        shown = "; ".join(f"{r.question}: {r.detail}" for r in rejections[:3])
        raise InputError(
            f"none of {len(questions)} questions in {str(order.questions)!r} can be used with corpus "
            f"{order.corpus!r} ({shown}); 'oracle' must name documents of the corpus"
        )
    examples = {s: [b.example for b in built if b.example.split == s] for s in SPLITS}
    manifest = {
        "kind": "raft",
        "corpus": order.corpus,
        "generation": generation.generation,
        "embedder": generation.embedder,
        "metric": metric,
        "prompt_hash": PROMPT_HASH,
        "rules": RULES,
        "settings": _settings(session.settings),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "questions": len(questions),
        "teacher": order.teacher,
        "counts": {split: len(examples[split]) for split in SPLITS},
        "rejected": rejection_counts(rejections),
        "rejections": [as_json(r) for r in rejections[:_SHOWN_REJECTIONS]],
        **_described(session, plan, built),
    }
    card = render_card(order.dataset, version, manifest, built[0].example)
    return session.datasets.publish(order.dataset, version, examples, manifest, card)


def _described(session: Session, plan: Plan, built: Sequence[Built]) -> dict[str, Any]:
    raft = session.settings.raft
    used = {one.example.id for one in built}
    asked = [question for question in plan.questions if question.id in used]
    shared = leakage(asked, plan.twins, [one.example for one in built], raft.given_splits)
    return {**statistics(built, plan.tasks, raft), "leakage": shared}


def _built(
    session: Session, tasks: Sequence[Task], generation: Generation
) -> tuple[list[Built], list[Rejection]]:
    """Every example, by id, and what could not be built: the same for any number of workers."""
    session.vectors.ensure(generation.collection, generation.dimension)
    session.vectors.close()  # servers drop idle clients; the workers have their own
    settings = session.worker_settings()
    groups = grouped(tasks, settings.raft.batch_size)
    found: list[Built | Rejection] = []
    with session.console.progress("retrieve and build", len(tasks), "questions") as progress:
        for batch in map_groups(session, groups, BuildExamples, settings, generation):
            found += built_of(batch)
            progress.advance(batch.num_rows)
    built = [one for one in found if isinstance(one, Built)]
    rejected = [one for one in found if isinstance(one, Rejection)]
    return sorted(built, key=lambda one: one.example.id), rejected


def _settings(settings: Settings) -> dict[str, Any]:
    """The settings that decide what is in a set."""
    raft = settings.raft.model_dump(exclude={"batch_size"})
    chosen = {"raft": raft, "retrieval": settings.retrieval.model_dump()}
    if settings.raft.max_tokens is not None:
        chosen["tokenizer"] = {"model": model_id(settings.models.base)}
    return chosen


def _report(manifest: Mapping[str, Any], unchanged: bool) -> dict[str, Any]:
    shown = ("dataset", "version", "corpus", "generation", "metric", "rejected", "oracle_fraction")
    more = (
        "quotes", "dropped_candidates", "distractors", "short_contexts", "oracle_retrieved", "trimmed",
        "leakage", "poisoned", "abstaining",
    )  # fmt: skip
    return {
        **{name: manifest[name] for name in shown},
        "examples": {split: manifest["counts"][split] for split in SPLITS},
        "unchanged": unchanged,
        **{name: manifest[name] for name in more},
    }
