"""What stands at the edge of many pages and belongs to none: running heads, feet and page numbers.

Only what repeats at the same height counts, with numbers that go up as the pages do. A line of body
text that stands at the same place on several pages differs from page to page.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from data_prep.documents.formats.pdf.page.lines import make_lines
from data_prep.documents.formats.pdf.page.shapes import Line, Page

_EDGE_LINES = 3
_EDGE = 0.16  # of the page's height
_MIN_PAGES = 3
_PAGE_MARK = "\x02"  # of lines that begin or end with their page's number, whatever else they say
_MARKED = 0.3  # of the pages must have such a line
_CLEAR = 1.7  # of the font's size, from baseline to baseline
_GRID = 4.0  # points between heights that count as the same
_NUMBER = re.compile(r"\d+|\b[ivxlcdm]+\b|\b[IVXLCDM]+\b", re.ASCII)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}

Key = tuple[str, int]


def remove_furniture(pages: Sequence[Page]) -> None:
    """Take running heads and feet from the pieces of pages, and repeated asides, such as watermarks."""
    repeated = Counter(aside for page in pages for aside in set(page.asides))
    found: dict[int, list[tuple[Line, Key]]] = {}
    places: dict[Key, set[int]] = defaultdict(set)
    for at, page in enumerate(pages):
        page.asides = [aside for aside in page.asides if repeated[aside] < _MIN_PAGES]
        found[at] = [
            (line, key)
            for line, clear in _edges(page)
            for key in _keys(line, page.number if clear else None)
        ]
        for _, (text, height) in found[at]:
            for near in (height - 1, height, height + 1):
                places[text, near].add(at)
    for at, page in enumerate(pages):
        lines = [
            line for line, key in found[at] if _is_repeated(places[key], at, key[0], len(pages))
        ]
        gone = {id(piece) for line in lines for piece in line.pieces}
        rest = [piece for piece in page.pieces if id(piece) not in gone]
        if rest or page.pictures:
            page.pieces = rest


def _edges(page: Page) -> Iterator[tuple[Line, bool]]:
    """The outermost lines of a page, without those of a table that begins there, each with whether
    it stands clear of the text."""
    lines = make_lines(page.pieces)
    height = page.top - page.bottom
    top = [line for line in lines[:_EDGE_LINES] if line.y > page.top - height * _EDGE]
    for line, below in zip(top, [*lines[1:], None], strict=False):
        if below is None or not _is_table_head(line, below):
            yield line, _is_clear(lines[: _EDGE_LINES + 1], line)
    outer = lines[-_EDGE_LINES - 1 :][::-1]
    for line in outer[:_EDGE_LINES]:
        if line.y < page.bottom + height * _EDGE and line not in top:
            yield line, _is_clear(outer, line)


def _is_clear(outer: Sequence[Line], line: Line) -> bool:
    """Whether a wide gap parts a line, or those that follow it at the edge, from the text."""
    inner = outer[[id(other) for other in outer].index(id(line)) :]
    return any(abs(a.y - b.y) > _CLEAR * max(a.size, b.size) for a, b in pairwise(inner))


def _is_table_head(line: Line, below: Line) -> bool:
    """Whether cells stand right above cells."""
    near = line.y - below.y < 2.2 * line.size
    cells = min(len(line.pieces), len(below.pieces))
    aligned = sum(
        any(abs(a.x0 - b.x0) < 2 or abs(a.x1 - b.x1) < 2 for b in below.pieces) for a in line.pieces
    )
    return near and cells >= 2 and aligned >= 2


def _keys(line: Line, page: int | None) -> Iterator[Key]:
    """A line's text as it would be on other pages, its numbers relative to the page's."""
    text = " ".join(line.text.split())
    height = round(line.y / _GRID)
    yield text, height
    if page is None:
        return
    numbers = list(_NUMBER.finditer(text))[:8]
    for number in numbers:
        value = _value(number[0])
        if value is not None:
            masked = f"{text[: number.start()]}\x00{value - page}\x00{text[number.end() :]}"
            yield masked, height
            if re.fullmatch(r"\W*\x00-?\d+\x00\W*", masked):
                yield f"\x01{value - page}", height  # the number alone, set left and right by turns
            if number.start() == 0 or number.end() == len(text):
                yield f"{_PAGE_MARK}{value - page}", height


def _value(number: str) -> int | None:
    if number.isdigit():
        return int(number) if len(number) < 6 else None
    values = [_ROMAN[letter] for letter in number.lower()]
    return sum(
        -value if value < following else value
        for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def _is_repeated(pages: set[int], at: int, text: str, count: int) -> bool:
    """Whether a line stands on so many pages, or on pages so near, that it is no chance."""
    if text.startswith(_PAGE_MARK):
        return len(pages) >= max(_MIN_PAGES + 1, _MARKED * count)
    if len(pages) >= _MIN_PAGES:
        return True
    return len(pages) == 2 and (count == 2 or _is_near(pages)) and "\x00" in text


def _is_near(pages: set[int]) -> bool:
    return max(pages) - min(pages) <= 2
