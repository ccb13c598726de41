"""Distractors: what the live retriever returns beside the oracle, minus what would teach a lie.

A retrieved chunk that also holds the answer is no distractor (raft.md §5.3: with random ones 47 % of
TF Hub contexts held an identical call, hard ones are worse). Pure and without a random choice: the
retriever's order decides, so training sees the mistakes that serving will make.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.quotes import word_overlap
from cluster.records import Chunk, Hit

NEAR_DUPLICATE = 0.9
_MIN_ANSWER_CHARS = 3
_CLOSED_ANSWERS = {"yes", "no", "maybe"}


@dataclass(frozen=True, slots=True)
class Selection:
    """The distractors, best first, and how many candidates were dropped for which reason."""

    hits: tuple[Hit, ...]
    dropped: Mapping[str, int]


def select_distractors(
    hits: Sequence[Hit], oracles: Sequence[Chunk], answer: str, count: int
) -> Selection:
    """The first `count` hits that are safe; fewer when there are no more.

    Dropped are chunks of the oracle documents, texts equal or nearly equal to an oracle's or to one
    already taken, and texts that contain the answer as whole words.
    """
    pattern = answer_pattern(answer)
    documents = {chunk.doc_id for chunk in oracles}
    texts = {_folded(chunk.text) for chunk in oracles}
    chosen: list[Hit] = []
    dropped: Counter[str] = Counter()
    for hit in hits:
        if len(chosen) == count:
            break
        text = _folded(hit.chunk.text)
        if hit.chunk.doc_id in documents:
            continue  # not a false negative: simply no distractor
        if text in texts:
            dropped["same_text"] += 1
        elif any(word_overlap(hit.chunk.text, o.text) >= NEAR_DUPLICATE for o in oracles):
            dropped["near_duplicate"] += 1
        elif pattern is not None and pattern.search(text):
            dropped["contains_answer"] += 1
        else:
            chosen.append(hit)
            texts.add(text)
    return Selection(tuple(chosen), dict(dropped))


def answer_pattern(answer: str) -> re.Pattern[str] | None:
    """Finds the answer as whole words in folded text; None for answers that prove nothing."""
    folded = _folded(answer)
    if len(folded) < _MIN_ANSWER_CHARS or folded in _CLOSED_ANSWERS:
        return None
    return re.compile(rf"(?<!\w){re.escape(folded)}(?!\w)")


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
