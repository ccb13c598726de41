"""Which question is for training and which for measuring, so that no test document was trained on.

Questions are linked through their oracle documents, and documents through near duplicates; what is
linked stays in one split. Questions without a split get one by a hash of their group's name, 80/10/10:
the same for any order of the file. Splits that the file gives are kept, checked or enforced.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cluster.errors import InputError
from cluster.keys import seed_of
from cluster.records import SPLITS, Chunk, Question, RaftExample, Split
from cluster.settings import RaftSettings
from data_prep.corpus.texts import document_text
from data_prep.sets.duplicates import Links, clusters
from data_prep.sets.oracles import Rejection

_TENTHS: tuple[Split, ...] = ("train",) * 8 + ("validation", "test")
# what measures wins over what trains
_RANK: tuple[Split, ...] = ("test", "validation", "train")
_SHOWN = 3


class Groups:
    """Questions that belong together."""

    def __init__(self, questions: Iterable[Question], twins: Mapping[str, str]) -> None:
        """`twins` maps a document to the name of its cluster of near duplicates."""
        self._links = Links()
        self._nodes: dict[str, str] = {}
        for question in questions:
            documents = [f"document {twins.get(doc, doc)}" for doc in question.oracle]
            first, *others = documents or [f"question {question.id}"]
            for other in others:
                self._links.link(first, other)
            self._nodes[question.id] = first

    def of(self, question: Question) -> str:
        """The name of the question's group."""
        return self._links.root(self._nodes[question.id])


def near_documents(chunks: Mapping[str, Sequence[Chunk]], threshold: float) -> Mapping[str, str]:
    """Document -> the name of its cluster of near duplicates, over the oracle documents."""
    texts = ((doc, document_text(found)) for doc, found in chunks.items())
    return clusters(texts, threshold)


def assign_splits(
    questions: Sequence[Question], twins: Mapping[str, str], settings: RaftSettings
) -> tuple[list[Question], list[Rejection]]:
    """Every question with its split; rejections where given splits are enforced.

    Raises InputError when they are checked and a test shares a group with what comes before it.
    """
    groups = Groups(questions, twins)
    given: dict[str, set[Split]] = defaultdict(set)
    for question in questions:
        if question.split_given:
            given[groups.of(question)].add(question.split)
    placed = [
        question
        if question.split_given
        else replace(question, split=_split(groups, given, question))
        for question in questions
    ]
    if settings.given_splits == "keep":
        return placed, []
    leaking = [q for q in placed if q.split != _first(given[groups.of(q)] or {q.split})]
    if leaking and settings.given_splits == "check":
        shown = ", ".join(repr(question.id) for question in leaking[:_SHOWN])
        raise InputError(
            f"{len(leaking)} questions ({shown}, ...) share an oracle document, or a near duplicate of "
            "one, with a question of a split that measures them; give them its split, or set "
            "raft.given_splits to enforce (drop them) or keep (the card will tell)"
        )
    dropped = {question.id for question in leaking}
    return [q for q in placed if q.id not in dropped], [_shared(q) for q in leaking]


def leakage(
    questions: Sequence[Question],
    twins: Mapping[str, str],
    examples: Sequence[RaftExample],
    rule: str,
) -> dict[str, Any]:
    """What training and test share: the proof of the card. `rule` is `raft.given_splits`."""
    oracles: dict[Split, set[str]] = {split: set() for split in SPLITS}
    for example in examples:
        oracles[example.split] |= set(example.provenance["oracle_chunks"])
    documents = {s: {d for q in questions if q.split == s for d in q.oracle} for s in SPLITS}
    near = {split: {twins.get(doc, doc) for doc in documents[split]} for split in SPLITS}
    training = [example for example in examples if example.split == "train"]
    shown = {d.chunk_id for e in training for d in e.documents if d.role == "distractor"}
    return {
        "splits": _origin(questions),
        "given_splits": rule,
        "oracle_chunks": len(oracles["train"] & oracles["test"]),
        "documents": len(documents["train"] & documents["test"]),
        "near_duplicate_clusters": len(near["train"] & near["test"]),
        "test_questions": sum(
            bool(set(e.provenance["oracle_chunks"]) & oracles["train"])
            for e in examples
            if e.split == "test"
        ),
        "test_oracles_among_training_distractors": len(oracles["test"] & shown),
    }


def _split(groups: Groups, given: Mapping[str, set[Split]], question: Question) -> Split:
    name = groups.of(question)
    return _first(given.get(name, set())) or _TENTHS[seed_of("split", name) % len(_TENTHS)]


def _first(splits: Iterable[Split]) -> Split | None:
    found = set(splits)
    return next((split for split in _RANK if split in found), None)


def _shared(question: Question) -> Rejection:
    detail = f"a {question.split} question about a document that a stricter split asks about"
    return Rejection(question.id, "shares_document_across_splits", detail)


def _origin(questions: Iterable[Question]) -> str:
    given = {question.split_given for question in questions}
    return "mixed" if len(given) > 1 else "given" if True in given else "assigned"
