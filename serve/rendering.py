"""The model's raw text -> text for a reader, while it streams.

`##begin_quote##X##end_quote##` becomes “X” [n], where n is the number of the document in which X is
found; a quote found in none gets no number. `<ANSWER>:` becomes "Answer:". How the text was cut into
pieces makes no difference to what comes out, and no part of a marker is ever shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.prompts import ANSWER_MARK, QUOTE_BEGIN, QUOTE_END, parse, strip_markers
from cluster.quotes import find_quote
from serve.partial import held_back

_MARKERS = (QUOTE_BEGIN, QUOTE_END, ANSWER_MARK)


@dataclass(frozen=True, slots=True)
class PlacedQuote:
    """A quote in the shown text, `text[start:end]` in code points, its number included.

    `number` is that of the document it was found in (from 1), `span` where in its text; both None
    when it was found nowhere.
    """

    start: int
    end: int
    number: int | None
    span: tuple[int, int] | None


class AnswerStream:
    """Feed raw text, show what comes back; `finish` gives the rest."""

    def __init__(self, documents: Sequence[str]) -> None:
        self._documents = documents
        self._raw: list[str] = []
        self._held = ""
        self._length = 0  # code points shown so far
        self._quote: list[str] | None = None  # raw pieces of the open quote
        self._quote_start = 0
        self.quotes: list[PlacedQuote] = []

    @property
    def raw(self) -> str:
        """All that was fed: what a later turn or a parser should see."""
        return "".join(self._raw)

    @property
    def answer(self) -> str | None:
        """The short answer after its mark; None when the mark is missing."""
        answer = parse(self.raw).answer
        return None if answer is None else strip_markers(answer)

    @property
    def unverified(self) -> int:
        """Complete quotes that are in none of the documents."""
        return sum(quote.number is None for quote in self.quotes)

    def feed(self, raw: str) -> str:
        """Text that may be shown now."""
        self._raw.append(raw)
        text, shown = self._held + raw, []
        while (found := _first_marker(text)) is not None:
            at, marker = found
            shown += [self._plain(text[:at]), self._mark(marker)]
            text = text[at + len(marker) :]
        keep = len(text) - held_back(text, _MARKERS)
        self._held = text[keep:]
        return "".join([*shown, self._plain(text[:keep])])

    def finish(self) -> str:
        """The rest. A quote that was never closed ends here and counts as none."""
        text, self._held = self._held, ""
        return self._plain(text) + self._abandon_quote()

    def _plain(self, text: str) -> str:
        if self._quote is not None:
            self._quote.append(text)
        return self._show(text)

    def _mark(self, marker: str) -> str:
        if marker == QUOTE_BEGIN:
            return self._open_quote()
        if marker == QUOTE_END:
            return self._close_quote()
        return self._abandon_quote() + self._show("Answer:")

    def _open_quote(self) -> str:
        if self._quote is not None:  # a second begin in a quote is noise
            return ""
        self._quote, self._quote_start = [], self._length
        return self._show("“")

    def _close_quote(self) -> str:
        if self._quote is None:
            return ""
        wanted, self._quote = "".join(self._quote), None
        number, span = self._locate(wanted)
        shown = self._show("”" if number is None else f"” [{number}]")
        if wanted.strip():
            self.quotes.append(PlacedQuote(self._quote_start, self._length, number, span))
        return shown

    def _abandon_quote(self) -> str:
        if self._quote is None:
            return ""
        self._quote = None
        return self._show("”")

    def _locate(self, wanted: str) -> tuple[int | None, tuple[int, int] | None]:
        for number, document in enumerate(self._documents, 1):
            if (span := find_quote(document, wanted)) is not None:
                return number, span
        return None, None

    def _show(self, text: str) -> str:
        self._length += len(text)
        return text


def _first_marker(text: str) -> tuple[int, str] | None:
    found = [(at, marker) for marker in _MARKERS if (at := text.find(marker)) >= 0]
    return min(found, default=None)
