"""OpenDocument spreadsheets: the rows of each sheet that is not hidden, as a reader sees them.

Cells hold the text that is shown beside their value, so formats need no reading (OpenDocument 1.3, part 3).
"""

import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from data_prep.documents.formats.archive import check_archive
from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.parsed import (
    Parsed,
    clean,
    join_pages,
    reading,
)
from data_prep.documents.formats.tables.grid import spread
from data_prep.documents.formats.tables.rows import paragraphs
from data_prep.documents.formats.tables.sheet import hidden_sheets, lost_cells

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_CELLS = frozenset((f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"))
_MOST = 1024  # equal cells or rows in a row that are written out


@dataclass(slots=True)
class _Sheet:
    """A sheet while its rows are read, and what of it is left out."""

    name: str
    hidden: bool
    columns: int = 0
    hidden_columns: set[int] = field(default_factory=set)
    hidden_rows: int = 0
    uncalculated: int = 0
    lost_columns: set[int] = field(default_factory=set)  # hidden, and with text
    errors: Counter[str] = field(default_factory=Counter)
    # first column -> rows to fill, last column, text
    merged: dict[int, tuple[int, int, str]] = field(default_factory=dict)


def parse_ods(data: bytes) -> Parsed:
    """Every visible sheet as a headed list of rows; a sheet's number is its page."""
    check_archive(data)
    sheets: list[_Sheet] = []
    texts: list[str] = []
    with (
        reading("OpenDocument spreadsheet"),
        zipfile.ZipFile(io.BytesIO(data)) as archive,
        archive.open("content.xml") as file,
    ):
        for number, rows in groupby(_rows(file, sheets), lambda found: found[0]):
            found = list(paragraphs(row for _, row in rows))
            texts += [""] * (number - len(texts))
            texts.append(clean("\n\n".join([f"# {sheets[number].name}", *found])))
    joined = join_pages("", texts, {"sheets": len(sheets)})
    return replace(joined, markdown=True, separate=True, notices=tuple(_notices(sheets)))


def _rows(file: Any, sheets: list[_Sheet]) -> Iterator[tuple[int, list[str]]]:
    """(number of the sheet, row) for each row that is shown; an empty row for blank ones."""
    from lxml import etree

    unseen: set[str] = set()
    options: dict[str, Any] = {"resolve_entities": False, "no_network": True}
    tags = (f"{_STYLE}style", f"{_TABLE}table", f"{_TABLE}table-column", f"{_TABLE}table-row")
    for event, element in etree.iterparse(file, events=("start", "end"), tag=tags, **options):
        kind = element.tag.rpartition("}")[2]
        if event == "start":
            if kind == "table":
                hidden = element.get(f"{_TABLE}style-name") in unseen
                sheets.append(_Sheet(element.get(f"{_TABLE}name") or "", hidden))
        elif kind == "style":
            unseen.update(_unseen(element))
        elif kind == "table-column":
            _add_columns(sheets[-1], element)
        elif kind == "table-row":
            yield from ((len(sheets) - 1, row) for row in _shown(sheets[-1], element))
            element.clear()


def _unseen(style: Any) -> Iterator[str]:
    """The name of a style that hides the sheets that have it."""
    if style.find(f"{_STYLE}table-properties[@{_TABLE}display='false']") is not None:
        yield style.get(f"{_STYLE}name")


def _add_columns(sheet: _Sheet, element: Any) -> None:
    count = _repeated(element, "columns")
    if element.get(f"{_TABLE}visibility") == "collapse":
        sheet.hidden_columns.update(range(sheet.columns, sheet.columns + min(count, _MOST)))
    sheet.columns += count


def _shown(sheet: _Sheet, element: Any) -> Iterator[list[str]]:
    if sheet.hidden:
        return
    row = _row(sheet, element)
    if not any(row):
        yield []
    elif element.get(f"{_TABLE}visibility") == "collapse":
        sheet.hidden_rows += 1
    else:
        hidden = sheet.hidden_columns
        sheet.lost_columns |= {at for at, cell in enumerate(row) if cell and at in hidden}
        cells = [cell for at, cell in enumerate(row) if at not in hidden]
        yield from [cells] * min(_repeated(element, "rows"), _MOST)


def _row(sheet: _Sheet, element: Any) -> list[str]:
    row: list[str] = []
    place = 0  # blank cells are written out when one with text follows
    begun: dict[int, tuple[int, int, str]] = {}
    for cell in element:
        if cell.tag not in _CELLS:
            continue
        count = _repeated(cell, "columns")
        text = _cell(sheet, cell)
        if text:
            row += [""] * (min(place, 1 << 14) - len(row)) + [text] * min(count, _MOST)
            right = place + int(cell.get(f"{_TABLE}number-columns-spanned") or 1) - 1
            rows = int(cell.get(f"{_TABLE}number-rows-spanned") or 1)
            if right > place or rows > 1:
                begun[place] = (rows, right, text)
        place += count
    own = any(row)
    sheet.merged |= begun
    for left, (rows, right, text) in sorted(sheet.merged.items()):
        if own:
            spread(row, left, right, text)
        sheet.merged[left] = (rows - 1, right, text)
    sheet.merged = {left: each for left, each in sheet.merged.items() if each[0] > 0}
    return row


def _cell(sheet: _Sheet, cell: Any) -> str:
    lines = ("".join(part.itertext()) for part in cell.iterchildren(f"{_TEXT}p"))
    text = "\n".join(lines).strip()
    if cell.get(f"{_CALC}value-type") == "error":
        sheet.errors[text or "Err"] += 1
        return ""
    if not text and cell.get(f"{_TABLE}formula") and not cell.get(f"{_OFFICE}value-type"):
        sheet.uncalculated += 1
    return text


def _repeated(element: Any, what: str) -> int:
    return max(int(element.get(f"{_TABLE}number-{what}-repeated") or 1), 1)


def _notices(sheets: list[_Sheet]) -> Iterator[Notice]:
    yield from hidden_sheets([sheet.name for sheet in sheets if sheet.hidden])
    for sheet in sheets:
        lost = len(sheet.lost_columns)
        yield from lost_cells(sheet.name, sheet.uncalculated, sheet.errors, sheet.hidden_rows, lost)
