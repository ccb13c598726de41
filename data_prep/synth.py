"""Question file + live generation -> a RAFT set, which is a DSF set too.

    read questions ─▶ find oracles and quotes ─▶ retrieve and build (Ray Data) ─▶ publish

The version follows from questions, generation, settings and prompt contract: the same inputs give
the same version, which is then not built again. A killed run publishes nothing; run it again.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from cluster.corpora import Generation
from cluster.errors import InputError, NotFoundError
from cluster.keys import content_id, safe_name
from cluster.leases import Lease
from cluster.prompts import PROMPT_HASH
from cluster.records import SPLITS, Chunk, Question, RaftExample, as_json
from cluster.session import Session
from cluster.settings import Settings
from data_prep.card import render_card
from data_prep.examples import BuildExamples, Task, built_of, grouped
from data_prep.generations import of_documents, read_chunks
from data_prep.oracles import Rejection, find_oracles
from data_prep.pipeline import map_groups
from data_prep.questions import read_questions
from data_prep.raft import RULES, Built
from data_prep.tables import chunks_of

Metric = Literal["exact_match", "f1", "label"]
# up to so many distinct answers over at least so many questions make them labels
_MAX_LABELS, _MIN_QUESTIONS = 5, 20
_SHOWN_REJECTIONS = 100


@dataclass(frozen=True, slots=True)
class Order:
    """What to build: `metric` None means that the answers decide."""

    corpus: str
    dataset: str
    questions: Path
    metric: Metric | None


def synth(session: Session, order: Order) -> dict[str, Any]:
    """Build and publish the set; returns the report of design §9.

    Raises InputError for a malformed question file or when no question can be used, NotFoundError
    for an unknown corpus, BusyError when the set is being built already.
    """
    started = time.monotonic()
    safe_name("dataset", order.dataset)
    questions = read_questions(order.questions)
    generation = session.corpora.live(order.corpus)
    metric = order.metric or detect_metric(questions)
    version = version_of(questions, generation, session.settings, metric)
    lock = f"datasets/{order.dataset}/lock"
    with Lease(session.store, lock, f"synth of dataset {order.dataset!r}"):
        manifest = _published(session, order.dataset, version)
        unchanged = manifest is not None
        if manifest is None:
            manifest = _build(session, order, questions, generation, (version, metric))
    return {**_report(manifest, unchanged), "seconds": round(time.monotonic() - started, 3)}


def detect_metric(questions: Sequence[Question]) -> Metric:
    """`label` when few distinct answers repeat over many questions, else `exact_match`."""
    answers = {question.answer.strip().casefold() for question in questions}
    repeated = len(answers) <= _MAX_LABELS and len(questions) >= _MIN_QUESTIONS
    return "label" if repeated else "exact_match"


def version_of(
    questions: Sequence[Question], generation: Generation, settings: Settings, metric: Metric
) -> str:
    """12 hex digits that name the inputs of a set, whatever the order of the file."""
    records = sorted((as_json(question) for question in questions), key=lambda r: r["id"])
    parts = (generation.corpus, generation.generation, metric, PROMPT_HASH, RULES)
    return content_id(records, _settings(settings), *parts, length=12)


def _settings(settings: Settings) -> dict[str, Any]:
    """The settings that decide what is in a set."""
    raft = settings.raft.model_dump(exclude={"batch_size"})
    return {"raft": raft, "retrieval": settings.retrieval.model_dump()}


def _published(session: Session, dataset: str, version: str) -> dict[str, Any] | None:
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
    tasks, rejections = _with_oracles(session, questions, generation)
    if not tasks:
        shown = "; ".join(f"{r.question}: {r.detail}" for r in rejections[:3])
        raise InputError(
            f"none of {len(questions)} questions in {str(order.questions)!r} can be used with corpus "
            f"{order.corpus!r} ({shown}); 'oracle' must name documents of the corpus"
        )
    built = _built(session, tasks, generation)
    examples = {s: [b.example for b in built if b.example.split == s] for s in SPLITS}
    manifest = {
        "corpus": order.corpus,
        "generation": generation.generation,
        "embedder": generation.embedder,
        "metric": metric,
        "prompt_hash": PROMPT_HASH,
        "rules": RULES,
        "settings": _settings(session.settings),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "questions": len(questions),
        "counts": {split: len(examples[split]) for split in SPLITS},
        "rejected": dict(sorted(Counter(r.reason for r in rejections).items())),
        "rejections": [as_json(r) for r in rejections[:_SHOWN_REJECTIONS]],
        "oracle_fraction": _oracle_fraction(session.settings, examples["train"]),
        **_statistics(built, tasks),
    }
    card = render_card(order.dataset, version, manifest, built[0].example)
    return session.datasets.publish(order.dataset, version, examples, manifest, card)


def _with_oracles(
    session: Session, questions: Sequence[Question], generation: Generation
) -> tuple[list[Task], list[Rejection]]:
    chunks = _chunks_by_document(session, questions, generation)
    tasks, rejections = [], []
    for question in questions:
        found = find_oracles(question, chunks)
        if isinstance(found, Rejection):
            rejections.append(found)
        else:
            tasks.append(Task(question, found))
    return tasks, rejections


def _chunks_by_document(
    session: Session, questions: Sequence[Question], generation: Generation
) -> Mapping[str, Sequence[Chunk]]:
    table = read_chunks(session.store, generation.corpus, generation.generation)
    named = {doc for question in questions for doc in question.oracle}
    grouped: dict[str, list[Chunk]] = {}
    for chunk in chunks_of(of_documents(table, named)):
        grouped.setdefault(chunk.doc_id, []).append(chunk)
    return grouped


def _built(session: Session, tasks: Sequence[Task], generation: Generation) -> list[Built]:
    """Every example, by id: the same list for any number of workers."""
    session.vectors.ensure(generation.collection, generation.dimension)
    session.vectors.close()  # servers drop idle clients; the workers have their own
    settings = session.worker_settings()
    groups = grouped(tasks, settings.raft.batch_size)
    built: list[Built] = []
    with session.console.progress("retrieve and build", len(tasks), "questions") as progress:
        for batch in map_groups(session, groups, BuildExamples, settings, generation):
            built += built_of(batch)
            progress.advance(batch.num_rows)
    return sorted(built, key=lambda one: one.example.id)


def _oracle_fraction(settings: Settings, train: Sequence[RaftExample]) -> dict[str, float | None]:
    present = sum(example.oracle_present for example in train)
    measured = round(present / len(train), 4) if train else None
    return {"target": settings.raft.oracle_fraction, "measured": measured}


def _statistics(built: Sequence[Built], tasks: Sequence[Task]) -> dict[str, Any]:
    """What a reader of the card should know before training on the set."""
    dropped: Counter[str] = Counter()
    for one in built:
        dropped.update(one.dropped)
    origins = Counter(oracle.origin for task in tasks for oracle in task.oracles)
    return {
        "quotes": dict(sorted(origins.items())),
        "dropped_candidates": dict(sorted(dropped.items())),
        "short_contexts": sum(one.missing > 0 for one in built),
        "oracle_retrieved": round(sum(one.found for one in built) / len(built), 4),
    }


def _report(manifest: Mapping[str, Any], unchanged: bool) -> dict[str, Any]:
    shown = ("dataset", "version", "corpus", "generation", "metric", "rejected", "oracle_fraction")
    more = ("quotes", "dropped_candidates", "short_contexts", "oracle_retrieved")
    return {
        **{name: manifest[name] for name in shown},
        "examples": {split: manifest["counts"][split] for split in SPLITS},
        "unchanged": unchanged,
        **{name: manifest[name] for name in more},
    }
