"""Headings of a Markdown text with their paths, and the stretches of code, in one pass over the lines."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})[^\n]*")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*\n?$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*\n?$")
# a list item, a quote, a table or indented code is no heading, whatever the line below it
_NO_HEADING = re.compile(r"(?:    |\t|[ ]*(?:[-*+>|]|\d+[.)]\s))")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()]|\([^()]*\))*\)")
_ANCHOR = re.compile(r"(?<!\s)\s*\{[#.:][^}]*\}\s*$")
# pairs alone: the signs of `f(*args, **kwargs)`, `_private` and `__init__` are words of a manual
_PAIRS = (
    re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)"),
    re.compile(r"(\*\*)(?=[^\s*])(.+?)(?<=[^\s*])\*\*"),
    re.compile(r"(?<!\w)(__)(?=[^\s_])([^_]*\s[^_]*)(?<=[^\s_])__(?!\w)"),
    re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^*_]+)(?<=[^\s*_])\1(?![\w*])"),
)
_SOURCE_CHARS, _TITLE_CHARS = 1000, 200


@dataclass(frozen=True, slots=True)
class Section:
    """A heading (from `start` to `body`) and what follows it up to the next heading, at `end`.

    `path` are the titles of the headings above it and its own; empty before the first heading.
    """

    start: int
    body: int
    end: int
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """The sections of a text, without gaps, and its fenced code from fence to fence (`end` exclusive)."""

    sections: tuple[Section, ...]
    fences: tuple[tuple[int, int], ...]

    def fence_at(self, place: int) -> tuple[int, int] | None:
        """The code block around a place; None where there is none."""
        at = bisect_right(self.fences, (place, _FAR)) - 1
        if at < 0:
            return None
        start, end = self.fences[at]
        return (start, end) if start < place < end else None


_FAR = 1 << 62


def outline_of(text: str, markdown: bool) -> Outline:
    """The outline of a text; one that is no Markdown is one section."""
    if not markdown:
        return Outline((Section(0, 0, len(text), ()),), ())
    headings, fences = _scan(text)
    return Outline(tuple(_sections(headings, len(text))), tuple(fences))


def plain_title(heading: str) -> str:
    """A heading as a reader sees it: without links, emphasis, code marks and anchors."""
    shown = _ANCHOR.sub("", heading[:_SOURCE_CHARS])
    for _ in range(2):  # a picture may be what a link shows
        shown = _LINK.sub(r"\1", shown)
    for pair in _PAIRS:
        shown = pair.sub(r"\2", shown)
    return " ".join(shown.split())[:_TITLE_CHARS]


@dataclass(slots=True)
class _Heading:
    start: int
    body: int
    level: int
    title: str


def _scan(text: str) -> tuple[list[_Heading], list[tuple[int, int]]]:
    headings: list[_Heading] = []
    fences: list[tuple[int, int]] = []
    fence, opened = "", 0
    before = ""  # a line that stands alone, so that an underline makes it a heading
    blank = True
    for start, line in _lines(text):
        if fence:
            if _closes(line, fence):
                fences.append((opened, start + len(line)))
                fence = ""
            continue
        mark = _FENCE.match(line)
        if mark:
            fence, opened, before, blank = mark[1], start, "", True
            continue
        found = _heading(line, start, before)
        if found is not None:
            headings.append(found)
            before, blank = "", True
            continue
        is_blank = not line.strip()
        before = line if blank and not is_blank and not _NO_HEADING.match(line) else ""
        blank = is_blank
    if fence:
        fences.append((opened, len(text)))
    return headings, fences


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return ((found.start(), found[0]) for found in _LINES.finditer(text))


def _closes(line: str, fence: str) -> bool:
    mark = line.strip(" \t>\n")
    return len(mark) >= len(fence) and set(mark) == {fence[0]}


def _heading(line: str, start: int, before: str) -> _Heading | None:
    atx = _ATX.match(line) if "#" in line[:4] else None
    if atx:
        return _Heading(start, start + len(line), len(atx[1]), plain_title(atx[2] or ""))
    under = _UNDERLINE.match(line) if before else None
    if under:
        level = 1 if under[1][0] == "=" else 2
        return _Heading(start - len(before), start + len(line), level, plain_title(before))
    return None


def _sections(headings: Sequence[_Heading], length: int) -> Iterator[Section]:
    first = headings[0].start if headings else length
    if first > 0 or not headings:
        yield Section(0, 0, first, ())
    above: list[tuple[int, str]] = []
    ends = [*(heading.start for heading in headings), length][1:]
    for heading, end in zip(headings, ends, strict=True):
        while above and above[-1][0] >= heading.level:
            above.pop()
        above.append((heading.level, heading.title))
        path = tuple(title for _, title in above if title)
        yield Section(heading.start, heading.body, end, path)
