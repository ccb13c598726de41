"""Where a text may be cut, and how well: before a section, between blocks, at worst anywhere."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from data_prep.chunking.outline import Outline, Section


class Strength(IntEnum):
    """How good a place is; a later one is better than all before it."""

    ANYWHERE = 0
    IN_HEADING = 1  # or between a fence and its code
    AFTER_HEADING = 2
    WORD = 3
    CLAUSE = 4
    INTRODUCTION = 5  # after a block that ends in a colon
    LINE = 6
    SENTENCE = 7
    ITEM = 8
    BLOCK = 9
    SECTION = 10


@dataclass(frozen=True, slots=True)
class Boundary:
    """A place to cut: what follows begins at `place`."""

    place: int
    strength: Strength


# the end of each match is the place; they stop at line starts, so that code keeps its indentation
_BLOCK = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)*")
_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*+•‣–]|\d{1,3}[.)]|[a-z][.)])[ \t]+\S|\|)")
_SENTENCE = re.compile(
    r"[.!?…]['\"”’»)\]]*[ \t\n]+(?=[^\sa-z])|[。！？｡．][」』”’）)]*|[\u0964\u0965\u104b\u17d4\u17d5][ \n]*"
)
_LINE = re.compile(r"\n")
_CLAUSE = re.compile(r"[,;:–—][ \t]+|[，、；：､]|\u104a")
_WORD = re.compile(r"[ \t\n]+")
_IN_PROSE: tuple[tuple[re.Pattern[str], Strength], ...] = (
    (_WORD, Strength.WORD),
    (_CLAUSE, Strength.CLAUSE),
    (_LINE, Strength.LINE),
    (_SENTENCE, Strength.SENTENCE),
    (_ITEM, Strength.ITEM),
    (_BLOCK, Strength.BLOCK),
)
_LOOK_CHARS = 400  # how far to look for something that is not blank
_TOP_LINE = re.compile(r"\n(?=[^\s`~])")
_IN_CODE: tuple[tuple[re.Pattern[str], Strength], ...] = (
    (_WORD, Strength.WORD),
    (_LINE, Strength.LINE),
    (_TOP_LINE, Strength.SENTENCE),
    (_BLOCK, Strength.ITEM),
)


class Boundaries:
    """The boundaries of one text."""

    def __init__(self, text: str, outline: Outline) -> None:
        self._text = text
        self._outline = outline

    def best(self, low: int, high: int, near: int) -> Boundary:
        """The strongest boundary with `low < place <= high`, of equal ones the one closest to `near`."""
        best = Boundary(_whole_character(self._text, low, high), Strength.ANYWHERE)
        offered = sorted(self._offered(low, high).items(), key=lambda o: (-o[1], abs(o[0] - near)))
        for place, strength in offered:
            if strength <= best.strength:
                break  # judging makes no boundary stronger
            judged = self._judged(place, strength)
            if judged > best.strength:
                best = Boundary(place, judged)
        return best

    def first(self, low: int, high: int, least: Strength) -> int | None:
        """The first place with `low <= place < high` of at least this strength."""
        offered = sorted(self._offered(low - 1, high - 1).items())
        good = (place for place, raw in offered if raw >= least)
        return next((place for place in good if self._judged(place, least) >= least), None)

    def _offered(self, low: int, high: int) -> dict[int, Strength]:
        places: dict[int, Strength] = {}
        for place, strength in self._candidates(low, high):
            if low < place <= high:
                places[place] = max(strength, places.get(place, strength))
        return places

    def _candidates(self, low: int, high: int) -> Iterator[tuple[int, Strength]]:
        text, begin = self._text, max(0, low - 1)
        for start, end, patterns in self._stretches(begin, high):
            for pattern, strength in patterns:
                for match in pattern.finditer(text, start, min(len(text), end + 1)):
                    yield match.end(), strength
        at = bisect_left(self._starts, low)
        while at < len(self._starts) and self._starts[at] <= high:
            yield self._starts[at], Strength.SECTION
            at += 1

    def _stretches(
        self, start: int, end: int
    ) -> Iterator[tuple[int, int, Sequence[tuple[re.Pattern[str], Strength]]]]:
        """Prose and code in turn."""
        fences = self._outline.fences
        at = bisect_left(fences, (start, start))
        if at and fences[at - 1][1] > start:
            at -= 1
        while start < end:
            fence = fences[at] if at < len(fences) and fences[at][0] < end else (end, end)
            if start < fence[0]:
                yield start, fence[0], _IN_PROSE
            if fence[0] < end:
                yield max(start, fence[0]), min(end, fence[1]), _IN_CODE
            start, at = max(fence[1], fence[0]), at + 1

    def _judged(self, place: int, strength: Strength) -> Strength:
        """The strength of a boundary in view of what would be torn apart there."""
        section = self._section_at(place)
        if section and section.start < place < section.body:
            return Strength.IN_HEADING
        if (
            section
            and section.start < section.body <= place
            and self._is_empty(section.body, place)
        ):
            return Strength.AFTER_HEADING
        fence = self._outline.fence_at(place)
        if fence and (
            not _after_line(self._text, fence[0], place)
            or not _line_left(self._text, place, fence[1])
        ):
            return Strength.IN_HEADING
        if strength in (Strength.BLOCK, Strength.ITEM) and self._introduces(place):
            return Strength.INTRODUCTION
        return strength

    def _is_empty(self, start: int, end: int) -> bool:
        return end - start < _LOOK_CHARS and not self._text[start:end].strip()

    def _introduces(self, place: int) -> bool:
        """Whether what ends at `place` only announces what follows: it ends in a colon."""
        end = place
        while end > 0 and self._text[end - 1].isspace():
            end -= 1
        return end > 0 and self._text[end - 1] in ":："

    def _section_at(self, place: int) -> Section | None:
        at = bisect_left(self._starts, place + 1) - 1
        return self._outline.sections[at] if at >= 0 else None

    @cached_property
    def _starts(self) -> list[int]:
        return [section.start for section in self._outline.sections]


def _after_line(text: str, start: int, place: int) -> bool:
    """Whether something of the code stands between its opening fence and `place`."""
    first = text.find("\n", start, place)
    return first >= 0 and bool(text[first : min(place, first + _LOOK_CHARS)].strip())


def _line_left(text: str, place: int, end: int) -> bool:
    """Whether something of the code stands between `place` and its closing fence."""
    return end - place > _LOOK_CHARS or bool(text[place:end].strip("`~ \t\n"))


def _whole_character(text: str, low: int, high: int) -> int:
    """A place at `high` or a little before it that parts no letter from its marks."""
    place = high
    while low + 1 < place < len(text) and _joins(text[place - 1], text[place]):
        place -= 1
    return place if place > low else high


def _joins(before: str, after: str) -> bool:
    return unicodedata.category(after)[0] == "M" or "\u200d" in (before, after)
