"""Text -> spans that fit an embedder.

Small sections that belong together share a span, a long one is cut where it ends best: in windows of
tokens, so that the work for a text grows with its length whatever stands in it. Nothing that only
announces what follows (a heading, the first line of a code block) is left alone.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from data_prep.chunking.boundaries import Boundaries, Boundary, Strength
from data_prep.chunking.outline import Outline, Section, outline_of
from data_prep.chunking.token_map import TokenCounter, TokenMap

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# a chunk of fewer tokens says too little alone
MIN_TOKENS = 16
# of an embedder's input, for the title and the section of a chunk
HEAD_TOKENS = 32
# Milvus takes 65,535 bytes of text (4 a character)
MAX_CHARS = 16_000
_SMALL = 1 / 4  # of a span's tokens: below this share a section looks for company
Pages = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]`, its tokens, the page that holds most of it, the headings that all of it is below."""

    start: int
    end: int
    tokens: int
    page: int | None
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cuts:
    """The spans of a text in rising order, and the share of its letters that the embedder cannot read."""

    spans: tuple[Span, ...]
    unknown_share: float


class Cutter:
    """Cuts texts into spans of `capacity` tokens; long stretches overlap by up to `overlap`."""

    def __init__(self, tokenizer: "Tokenizer", capacity: int, overlap: int) -> None:
        self._tokenizer = tokenizer
        self._counter = TokenCounter(tokenizer)
        self._capacity = capacity
        self._overlap = min(overlap, capacity // 4)

    def cut(self, text: str, pages: Pages, markdown: bool, separate: bool) -> Cuts:
        """Spans that together cover every character that is not white space.

        With `separate` every page begins a new span. `pages` are (number, start) in rising order.
        """
        starts = sorted({0, *(start for _, start in pages)} if separate else {0})
        spans, unknown, letters = [], 0, 0
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            tokens = self._counter.map(text[start:end])
            unknown, letters = unknown + tokens.unknown, letters + tokens.letters
            for span in self._pieces(text[start:end], tokens, markdown):
                a, b = start + span.start, start + span.end
                spans.append(Span(a, b, span.tokens, _page(text, pages, a, b), span.path))
        return Cuts(tuple(spans), unknown / max(1, letters))

    def _pieces(self, text: str, tokens: TokenMap, markdown: bool) -> list[Span]:
        stretch = _Stretch(text, outline_of(text, markdown), tokens, self._capacity)
        found = [
            span for group in stretch.groups() for span in stretch.spans(*group, self._overlap)
        ]
        return [
            Span(start, end, tokens, None, stretch.path(start, end))
            for start, end, tokens in self._checked(text, stretch, found)
        ]

    def _checked(
        self, text: str, stretch: "_Stretch", spans: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[int, int, int]]:
        """Spans with their tokens as counted alone; one that has more than were counted is halved."""
        waiting = list(reversed(spans))
        counted = self._tokens(text, waiting)
        while waiting:
            (start, end), tokens = waiting.pop(), counted.pop()
            if tokens <= self._capacity or end - start < 2:
                yield start, end, tokens
                continue
            halves = stretch.halves(start, end)
            waiting.extend(reversed(halves))
            counted.extend(self._tokens(text, list(reversed(halves))))

    def _tokens(self, text: str, spans: Sequence[tuple[int, int]]) -> list[int]:
        # one by one: a batch would start threads, and there is a process like this one for every processor
        encode = self._tokenizer.encode
        return [len(encode(text[a:b], add_special_tokens=False).ids) for a, b in spans]


class _Stretch:
    """A text, or a page of it, with its sections, tokens and boundaries."""

    def __init__(self, text: str, outline: Outline, tokens: TokenMap, capacity: int) -> None:
        self._text = text
        self._outline = outline
        self._tokens = tokens
        self._boundaries = Boundaries(text, outline)
        self._capacity = capacity
        self._starts = [section.start for section in outline.sections]

    def groups(self) -> list[tuple[int, int]]:
        """Stretches of whole sections: those that are small share one with their neighbours."""
        groups: list[_Group] = []
        for section in self._outline.sections:
            tokens = self._tokens.count(section.start, section.end)
            has_body = bool(self._text[section.body : section.end].strip())
            if groups and self._joins(groups[-1], section, tokens):
                groups[-1].add(section, tokens, has_body)
            else:
                groups.append(_Group(section, tokens, has_body))
        return [(group.start, group.end) for group in groups]

    def spans(self, start: int, end: int, overlap: int) -> Iterator[tuple[int, int]]:
        """`start` to `end` in spans that fit; white space at their ends is left out."""
        while True:
            cut = self._next(start, end)
            span = self._trimmed(start, cut.place)
            if span is not None:
                yield span
            if cut.place >= end:
                return
            start = self._overlapping(cut, overlap)

    def halves(self, start: int, end: int) -> list[tuple[int, int]]:
        """A span as two."""
        middle = (start + end) // 2
        quarter = (end - start) // 4
        cut = self._boundaries.best(max(start, middle - quarter - 1), middle + quarter, middle)
        parts = (self._trimmed(start, cut.place), self._trimmed(cut.place, end))
        return [part for part in parts if part is not None]

    def path(self, start: int, end: int) -> tuple[str, ...]:
        """The headings that all text of a span is below."""
        first = max(0, bisect_right(self._starts, start) - 1)
        last = bisect_left(self._starts, end)
        found = self._outline.sections[first:last]
        full = [s for s in found if self._text[max(s.body, start) : min(s.end, end)].strip()]
        return _common([section.path for section in full or found])

    def _joins(self, group: "_Group", section: Section, tokens: int) -> bool:
        if not group.has_body or min(group.tokens, tokens) < MIN_TOKENS:
            return True
        small = self._capacity * _SMALL
        fits = group.tokens + tokens <= self._capacity
        related = bool(_common([group.path, section.path])) or not group.path
        return fits and related and min(group.tokens, tokens) < small

    def _next(self, start: int, end: int) -> Boundary:
        """Where the span that begins at `start` ends."""
        left, capacity = self._tokens.count(start, end), self._capacity
        if left <= capacity and end - start <= MAX_CHARS:
            return Boundary(end, Strength.SECTION)
        low, high, near = capacity // 2, capacity, capacity
        if capacity < left < 2 * capacity:  # two spans of much the same size, and no small rest
            low, high = max(left - capacity, capacity // 3), min(capacity, left - capacity // 4)
            near = left // 2
        last = min(self._tokens.reach(start, high), start + MAX_CHARS, end)
        first = min(self._tokens.reach(start, low), start + MAX_CHARS // 2, last - 1)
        return self._boundaries.best(first, last, min(last, self._tokens.reach(start, near)))

    def _overlapping(self, cut: Boundary, overlap: int) -> int:
        """Where the next span begins: some of what stands before is repeated, as a whole block or clause."""
        least = Strength.BLOCK if cut.strength >= Strength.BLOCK else Strength.CLAUSE
        if not overlap or cut.strength is Strength.SECTION or self._outline.fence_at(cut.place):
            return cut.place
        since = max(self._tokens.reach_back(cut.place, overlap), cut.place - MAX_CHARS // 4)
        first = self._boundaries.first(since, cut.place, least)
        return cut.place if first is None else first

    def _trimmed(self, start: int, end: int) -> tuple[int, int] | None:
        text = self._text
        whole = text[start:end]
        inner = whole.strip()
        if not inner:
            return None
        first = start + len(whole) - len(whole.lstrip())
        if self._outline.fence_at(first):  # the indentation of code says something
            line = text.rfind("\n", start, first) + 1
            first = max(start, line) if not text[max(start, line) : first].strip() else first
        return first, start + len(whole.rstrip())


class _Group:
    """Neighbouring sections that are cut as one."""

    def __init__(self, section: Section, tokens: int, has_body: bool) -> None:
        self.start, self.end = section.start, section.end
        self.tokens = tokens
        self.has_body = has_body
        self.path = section.path

    def add(self, section: Section, tokens: int, has_body: bool) -> None:
        self.end = section.end
        self.tokens += tokens
        self.path = _common([self.path, section.path]) if self.has_body else section.path
        self.has_body = self.has_body or has_body


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The headings that all paths begin with."""
    if not paths:
        return ()
    levels = zip(*paths, strict=False)
    return tuple(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))


def _page(text: str, pages: Pages, start: int, end: int) -> int | None:
    """The page that holds most of a span, the first of equal ones."""
    if not pages:
        return None
    at = max(0, bisect_right(pages, start, key=lambda page: page[1]) - 1)
    best, most = pages[at][0], -1
    for number, (page, offset) in enumerate(islice(pages, at, None), at):
        if offset >= end and most >= 0:
            break
        until = pages[number + 1][1] if number + 1 < len(pages) else end
        letters = len("".join(text[max(start, offset) : min(end, until)].split()))
        if letters > most:
            best, most = page, letters
    return best
