"""A small exam for the tests of comparing: examples, and a home with a corpus and a set in it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cluster import artifacts
from cluster.console import Console
from cluster.corpora import Generation
from cluster.keys import generation_prefix
from cluster.records import RaftExample, Split
from cluster.session import Session
from cluster.settings import CompareSettings, Settings

MODELS = {"base": "base", "exam-dsf": "exam-dsf@d1", "exam-raft": "exam-raft@r1"}


def example(number: int, split: Split = "test", answer: str | None = None) -> RaftExample:
    """Question `number`; its answer is the number and its oracle the document `right`."""
    return RaftExample(
        id=f"q{number:03d}",
        question=f"What is {number}?",
        documents=(),
        oracle_present=True,
        reasoning="",
        plain_reasoning="",
        answer=answer or f"number {number}",
        quotes=(),
        oracle=("right",),
        split=split,
        seed=0,
    )


class Answers:
    """`(model, rag, question) -> text`: right for the first `share` of every ten questions."""

    def __init__(self, share: dict[str, int]) -> None:
        self._share = share

    def __call__(self, model: str, rag: bool, question: str) -> str:
        number = "".join(filter(str.isdigit, question)) or "0"
        name = model.partition("@")[0] + ("+rag" if rag else "")
        right = int(number) % 10 < self._share.get(name, 0)
        return f"Thinking.\n<ANSWER>: {'The number' if right else 'not'} {number}."


def exam_session(
    home: Path,
    examples: Sequence[RaftExample],
    settings: CompareSettings,
    metric: str = "exact_match",
) -> Session:
    """A session whose store holds corpus `handbook` (generation g1 live) and set `exam`."""
    session = Session(Settings(home=home, compare=settings), Console(json_output=True, quiet=True))
    generation = Generation("handbook", "g1", "c", {}, "e", 4, 2, 2, "2026-01-01")
    empty = home / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    prefix = generation_prefix("handbook", "g1")
    artifacts.publish(session.store, prefix, empty, asdict(generation))
    live = session.corpora.live("handbook").generation if session.corpora.names() else None
    session.corpora.move_live("handbook", "g1", live)
    manifest = {"corpus": "handbook", "generation": "g1", "metric": metric}
    session.datasets.publish("exam", "v1", {"test": examples}, manifest, "card")
    return session
