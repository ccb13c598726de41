"""The rows of one Excel sheet as a reader sees them, one at a time.

Merged cells give their text to every cell that they cover; hidden rows and columns are left out and counted.
Merged ranges stand behind the cells in the file, so its end is looked at first; rows are then read
one by one, in memory that does not grow with the sheet.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from data_prep.documents.formats.tables.header import Covered
from data_prep.documents.formats.tables.number_formats import GENERAL, shown
from data_prep.documents.formats.tables.workbook import Element, Workbook, elements, text_of

_CHUNK = 1 << 20
_MAX_EDGE = 64 << 20  # bytes before and behind the cells that are looked at
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_COLUMN = re.compile(rb"<(?:\w+:)?col\s[^>]*>")
_BOUND = re.compile(rb'\b(min|max)="(\d+)"')
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_FILTER = re.compile(rb"<(?:\w+:)?(?:filterColumn|sortState)\b")
_COLUMNS = 16_384
_MAX_SPAN = 256  # columns that a merged cell fills
_MIDNIGHT = re.compile(r"[T ]00:00(?::00(?:\.0+)?)?Z?$")


@dataclass(slots=True)
class Grid:
    """One sheet's rows; the counts hold once all of them were read."""

    book: Workbook
    path: str
    uncalculated: int = 0
    hidden_rows: int = 0
    hidden_columns: set[int] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)

    def rows(self) -> Iterator[list[str]]:
        """Rows of texts; one empty row stands for any number of blank ones."""
        head, tail = self._edges()
        hidden = _hidden_columns(head)
        filtered = _FILTER.search(tail) is not None
        merged = _Merged(tail)
        before = 0
        with self.book.open(self.path) as file:
            for element in elements(file, "row"):
                number = int(element.get("r") or before + 1)
                cells = self._cells(element)
                own = any(cells)
                if number > before + 1 or not own:
                    yield []
                before = number
                merged.fill(number, cells, own)
                if own and not filtered and _is_hidden(element):
                    self.hidden_rows += 1
                elif own:
                    yield self._visible(cells, hidden)

    def _visible(self, cells: list[str], hidden: set[int]) -> list[str]:
        if not hidden:
            return cells
        self.hidden_columns.update(at for at in hidden if at < len(cells) and cells[at])
        return [cell for at, cell in enumerate(cells) if at not in hidden]

    def _cells(self, row: Element) -> list[str]:
        cells: list[str] = []
        for cell in row:
            place = cell.get("r")
            at = _column(place.rstrip("0123456789")) if place else len(cells)
            text = self._text(cell)
            if text and at < _COLUMNS:
                cells.extend([""] * (at + 1 - len(cells)))
                cells[at] = text
            elif not place:
                cells.append("")
        return cells

    def _text(self, cell: Element) -> str:
        kind, value, formula = cell.get("t") or "n", "", False
        for child in cell:
            tag = str(child.tag).rpartition("}")[2]
            if tag == "v":
                value = child.text or ""
            elif tag == "f":
                formula = True
            elif tag == "is":
                value = text_of(child)
        if formula and kind not in {"str", "inlineStr"} and value in self._unknown():
            self.uncalculated += 1
            return ""
        return self._shown(kind, value, cell.get("s")) if value else ""

    def _unknown(self) -> tuple[str, ...]:
        """Stored results that are none: libraries write 0 and ask for recalculation."""
        return ("", "0") if self.book.recalculated else ("",)

    def _shown(self, kind: str, value: str, style: str | None) -> str:
        if kind == "s":
            at = int(value)
            return self.book.strings[at] if 0 <= at < len(self.book.strings) else ""
        if kind == "b":
            return "TRUE" if value in {"1", "true"} else "FALSE"
        if kind == "e":
            self.errors[value] += 1
            return ""
        if kind == "d":
            return _MIDNIGHT.sub("", value)
        if kind != "n" or (style is None and value.isdigit()):
            return value
        formats = self.book.formats
        code = formats[int(style)] if style and int(style) < len(formats) else GENERAL
        return shown(value, code, self.book.mac)

    def _edges(self) -> tuple[bytes, bytes]:
        """What the sheet's XML holds before and behind its cells."""
        head, tail, inside = b"", b"", False
        with self.book.open(self.path) as file:
            window = b""
            while chunk := file.read(_CHUNK):
                window = window[-16:] + chunk
                if not inside and not tail and (at := window.find(b"<sheetData")) >= 0:
                    head, inside = (head + window)[:_MAX_EDGE], True
                if (at := window.find(b"sheetData>")) >= 0 and b"/" in window[max(0, at - 9) : at]:
                    inside, tail = False, window[at:]
                elif tail and len(tail) < _MAX_EDGE:
                    tail += chunk
                elif not inside and not tail:
                    head = (head + window)[:_MAX_EDGE]
        return head, tail


class _Merged:
    """The merged ranges of a sheet, whose rows are filled in order."""

    def __init__(self, xml: bytes) -> None:
        ranges = [
            (int(top), _column(left.decode()), int(bottom), _column(right.decode()))
            for left, top, right, bottom in _MERGED.findall(xml)
        ]
        self._waiting = sorted(ranges, reverse=True)
        self._active: dict[int, tuple[int, int, str]] = {}  # left -> bottom, right, text

    def fill(self, number: int, cells: list[str], own: bool) -> None:
        """Fill a row in place; one that has nothing of its own only tells that ranges end."""
        for left, (bottom, right, text) in list(self._active.items()):
            if bottom < number:
                del self._active[left]
            elif own:
                spread(cells, left, right, text)
        while self._waiting and self._waiting[-1][0] <= number:
            top, left, bottom, right = self._waiting.pop()
            text = cells[left] if top == number and left < len(cells) else ""
            if text:
                spread(cells, left, right, text)
                if bottom > number:
                    self._active[left] = (bottom, right, text)


def spread(cells: list[str], left: int, right: int, text: str) -> None:
    """Give the text of a merged cell to the columns from `left` to `right` of a row, in place."""
    right = min(right, left + _MAX_SPAN)
    cells.extend([""] * (right + 1 - len(cells)))
    cells[left : right + 1] = [text, *[Covered(text)] * (right - left)]


def _is_hidden(row: Element) -> bool:
    """Whether a row is hidden by its author, and not by a folded group."""
    return row.get("hidden") in {"1", "true"} and not row.get("outlineLevel")


def _hidden_columns(xml: bytes) -> set[int]:
    hidden: set[int] = set()
    for column in _COLUMN.findall(xml):
        if _HIDDEN.search(column):
            bounds = {name: int(number) for name, number in _BOUND.findall(column)}
            first, last = bounds.get(b"min", 1), min(bounds.get(b"max", 0), _COLUMNS)
            hidden.update(range(first - 1, last))
    return hidden


@lru_cache(maxsize=_COLUMNS)
def _column(letters: str) -> int:
    """The place of a column from 0: A, B, ..., Z, AA, ..."""
    number = 0
    for letter in letters[:4].upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return max(number - 1, 0)
