"""Documents -> rows of at most so many tokens, in their order, with the borders kept. Pure.

A row is filled before the next is begun: a document that does not fit is cut between words and goes on
in the next row. Each segment costs one token more, the end of text that training puts behind it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cluster.keys import content_id
from cluster.records import PackedText, Segment, Split

_BORDER = "\n\n"
_END_OF_TEXT = 1
# a row with less room than this is left as it is
_MIN_PIECE = 16
# so far back a cut looks for the end of a word
_BACK = 24


@dataclass(slots=True)
class _Row:
    """A row that is being filled."""

    parts: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    chars: int = 0
    tokens: int = 0

    def add(self, doc_id: str, piece: str, tokens: int) -> None:
        if self.parts:
            self.parts.append(_BORDER)
            self.chars += len(_BORDER)
        self.parts.append(piece)
        self.segments.append(Segment(doc_id, self.chars, self.chars + len(piece)))
        self.chars += len(piece)
        self.tokens += tokens + _END_OF_TEXT

    def finish(self, split: Split) -> PackedText:
        text = "".join(self.parts)
        name = content_id(text, [segment.doc_id for segment in self.segments])
        return PackedText(name, text, tuple(self.segments), self.tokens, split)


class Packer:
    """Packs the documents of one split. `tokenizer` is a fast one of transformers."""

    def __init__(self, tokenizer: Any, max_tokens: int, split: Split) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._split = split
        self._row = _Row()

    def add(self, doc_id: str, text: str) -> Iterator[PackedText]:
        """Rows that this document completes."""
        for piece, tokens in self._pieces(text.strip()):
            if self._room() < tokens:
                yield from self.finish()
            self._row.add(doc_id, piece, tokens)

    def finish(self) -> Iterator[PackedText]:
        """The row that is begun, if it holds anything."""
        if self._row.parts:
            yield self._row.finish(self._split)
        self._row = _Row()

    def _room(self) -> int:
        return self._max_tokens - self._row.tokens - _END_OF_TEXT

    def _pieces(self, text: str) -> Iterable[tuple[str, int]]:
        """Pieces with their token counts, each as long as the row has room for when it is asked for."""
        starts = [start for start, _ in self._encode(text)["offset_mapping"]] if text else []
        at = 0
        while at < len(starts):
            room = self._room()
            if room < min(_MIN_PIECE, len(starts) - at):
                room = self._max_tokens - _END_OF_TEXT  # of a new row
            end = self._cut(text, starts, at, room)
            used, piece = self._counted(text, starts, (at, end), room)
            at += used
            if piece[1]:
                yield piece

    def _counted(
        self, text: str, starts: list[int], span: tuple[int, int], room: int
    ) -> tuple[int, tuple[str, int]]:
        """How many tokens of the document a piece uses up, and the piece as it counts alone.

        Alone it may have more tokens than inside the document, so it gives some back until it fits.
        """
        at, end = span
        while True:
            stop = starts[end] if end < len(starts) else len(text)
            piece = text[starts[at] : stop].strip()
            tokens = len(self._encode(piece)["input_ids"]) if piece else 0
            if tokens <= room or end - at <= 1:
                return end - at, (piece, tokens)
            end = self._cut(text, starts, at, max(1, end - at - (tokens - room)))

    def _cut(self, text: str, starts: list[int], at: int, room: int) -> int:
        """Index behind the last token of a piece: at a word's end, if there is one near."""
        end = at + room
        if end >= len(starts):
            return len(starts)
        for back in range(end, max(at + 1, end - _BACK), -1):
            if text[starts[back]].isspace() or text[starts[back] - 1].isspace():
                return back
        return end

    def _encode(self, text: str) -> Any:
        return self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
