"""How many tokens of the embedder any stretch of a text has, from one pass of its tokenizer.

A word that the tokenizer does not know is one token whatever its length: a whole phrase of Thai. It counts
as a token for every two characters here, so that chunks are of a size that an embedder of that language
reads, and a text is never one endless chunk.
"""

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_WINDOW_CHARS = 32_768
_UNKNOWN_CHARS = 2


class TokenCounter:
    """Makes `TokenMap`s with one tokenizer, which must neither cut nor pad."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self.tokenizer = tokenizer
        self._unknown_id = _unknown_id(tokenizer)

    def map(self, text: str) -> "TokenMap":
        """The tokens of a text; windows bound the memory of the tokenizer."""
        starts = array("q")
        unknown = letters = 0
        for at, window in _windows(text):
            encoding = self.tokenizer.encode(window, add_special_tokens=False)
            spans = encoding.offsets
            letters += sum([end - start for start, end in spans])
            found = [at + start for start, _ in spans]
            if self._unknown_id in encoding.ids:
                strange = self._unknown(encoding.ids, spans)
                unknown += sum([end - start for start, end in strange])
                found = sorted(
                    [*found, *(at + place for span in strange for place in _inside(*span))]
                )
            starts.extend(accumulate(found, max))
        return TokenMap(len(text), starts, unknown, letters)

    def _unknown(
        self, ids: Sequence[int], spans: Sequence[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        pairs = zip(ids, spans, strict=True)
        return [span for id, span in pairs if id == self._unknown_id]


class TokenMap:
    """Tokens by the places where they begin (rising) in a text of `length` characters.

    Of the `letters`, which are the characters of all tokens, `unknown` stand in words that the embedder
    cannot read.
    """

    def __init__(self, length: int, starts: Sequence[int], unknown: int, letters: int) -> None:
        self._length = length
        self._starts = starts
        self.unknown = unknown
        self.letters = letters

    @property
    def unknown_share(self) -> float:
        """From 0 to 1."""
        return self.unknown / max(1, self.letters)

    def count(self, start: int, end: int) -> int:
        """Tokens that begin in `start` to `end`."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def reach(self, start: int, tokens: int) -> int:
        """The furthest place for which `count(start, place) <= tokens`."""
        at = bisect_left(self._starts, start) + tokens
        return self._starts[at] if at < len(self._starts) else self._length

    def reach_back(self, end: int, tokens: int) -> int:
        """The first token of the last `tokens` before `end`."""
        at = max(0, bisect_left(self._starts, end) - tokens)
        return self._starts[at] if at < len(self._starts) else end


def _inside(start: int, end: int) -> range:
    """Where a word that is not known counts as one more token."""
    return range(start + _UNKNOWN_CHARS, end, _UNKNOWN_CHARS)


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """Stretches of at most `_WINDOW_CHARS` with their places, ended at white space where there is some."""
    at = 0
    while at < len(text):
        end = min(len(text), at + _WINDOW_CHARS)
        if end < len(text):
            blank = max(text.rfind(" ", at, end), text.rfind("\n", at, end))
            end = blank if blank > at else end
        yield at, text[at:end]
        at = end


def _unknown_id(tokenizer: "Tokenizer") -> int | None:
    """The id of the token for unknown words; None where every text can be read (bytes)."""
    model = json.loads(tokenizer.to_str())["model"]
    if isinstance(model.get("unk_id"), int):
        return int(model["unk_id"])
    token = model.get("unk_token")
    return tokenizer.token_to_id(token) if token else None
