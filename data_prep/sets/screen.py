"""The false-negative screen: a document that also answers is no distractor.

With random distractors 47 % of TF Hub contexts hold an identical gold call, and hard ones are worse:
of XQuAD contexts BM25's hold the answer in 7.8 %, random ones in 1.7 % (raft.md §5.3). Trained on, they
teach a model to ignore evidence. Pure.
"""

import re
from collections.abc import Sequence
from typing import Literal

from cluster.api_calls import answer_call, find_calls
from cluster.quotes import find_quote
from cluster.records import Chunk
from data_prep.sets.duplicates import resemblance, shingles

Fault = Literal[
    "same_text", "near_duplicate", "holds_quote", "identical_call", "contains_answer"
]  # fmt: skip
_MIN_ANSWER_CHARS = 3
_CLOSED_ANSWERS = {"yes", "no", "maybe"}


class Screen:
    """What the distractors of one question must not hold."""

    def __init__(
        self, oracles: Sequence[Chunk], quotes: Sequence[str], answer: str, near_duplicate: float
    ) -> None:
        self._texts = {_folded(chunk.text) for chunk in oracles}
        self._shingles = [shingles(chunk.text) for chunk in oracles]
        self._near = near_duplicate
        self._quotes = quotes
        self._answer = answer_pattern(answer)
        self._call = answer_call(answer)

    def fault(self, text: str) -> Fault | None:
        """Why `text` cannot be a distractor; None when it can."""
        folded = _folded(text)
        if folded in self._texts:
            return "same_text"
        own = shingles(text)
        if any(resemblance(own, theirs) >= self._near for theirs in self._shingles):
            return "near_duplicate"
        if any(find_quote(text, quote) for quote in self._quotes):
            return "holds_quote"
        if self._call and any(self._call.same_as(call) for call in find_calls(text)):
            return "identical_call"
        if self._answer is not None and self._answer.search(folded):
            return "contains_answer"
        return None

    def take(self, text: str) -> None:
        """Remember a text that was chosen: it must not be chosen twice."""
        self._texts.add(_folded(text))


def answer_pattern(answer: str) -> re.Pattern[str] | None:
    """Finds the answer as whole words in folded text; None for answers that prove nothing."""
    folded = _folded(answer)
    if len(folded) < _MIN_ANSWER_CHARS or folded in _CLOSED_ANSWERS:
        return None
    return re.compile(rf"(?<!\w){re.escape(folded)}(?!\w)")


def holds_answer(text: str, answer: str) -> bool:
    """Whether the answer stands in `text` literally, or as the same call; True where that proves nothing."""
    pattern, call = answer_pattern(answer), answer_call(answer)
    if pattern is None or pattern.search(_folded(text)):
        return True
    return call is not None and any(call.same_as(found) for found in find_calls(text))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
