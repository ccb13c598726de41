"""Tables by the whitespace between their columns.

A table is a run of lines whose pieces stand in the same columns, with gutters that hardly a line
crosses. Too few rows, sentences in the cells of one line, or a contents list: no table.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from data_prep.documents.formats.pdf.page.shapes import Line, Piece

_MIN_ROWS = 3
_MAX_SINGLES = 2  # lines of one piece between rows: labels of groups, cells of two lines
_MAX_HEADS = 3
_MAX_GAP = 3.6  # between lines, of the font's size
_MAX_CELL = 90
_MAX_WIDTH = 20_000.0  # points: wider pages are no pages
_STRAY = 0.12  # share of lines that may cross a gutter
_MARKER = re.compile(r"[•▪●○◦‣∙·*–—+-]|\(?\w{1,3}[.)]|\[\w{1,4}\]|[oO]")
_SIGN = re.compile(r"[$€£¥]|\(|[A-Z]{0,2}\$")
_TAIL = re.compile(r"[%)]+")


@dataclass(slots=True)
class Table:
    """Lines as rows of cells; `columns` are the places of its columns from left to right.

    The lines of a cell stand below each other in it.
    """

    columns: list[tuple[float, float]]
    rows: list[list[str]] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)  # of each row
    lines: list[Line] = field(default_factory=list)  # the first line of each row
    header_rows: int | None = None
    ruled: bool = False  # drawn as a grid


def join_marks(line: Line) -> None:
    """Put the sign of a list or a currency to what it belongs to."""
    pieces: list[Piece] = []
    for piece in line.pieces:
        last = pieces[-1] if pieces else None
        first_mark = len(pieces) == 1 and last and _MARKER.fullmatch(last.text)
        near = last is not None and piece.x0 - last.x1 < 4 * piece.size
        if last and (
            (near and first_mark) or _SIGN.fullmatch(last.text) or _TAIL.fullmatch(piece.text)
        ):
            last.text += (
                "" if _SIGN.fullmatch(last.text) or _TAIL.fullmatch(piece.text) else " "
            ) + piece.text
            last.x1, last.bold, last.mono = piece.x1, piece.bold, last.mono and piece.mono
        else:
            pieces.append(piece)
    line.pieces = pieces


def find_tables(
    lines: Sequence[Line], page: int, is_free: Sequence[bool], before: Table | None
) -> list[Line | Table]:
    """Lines with those of tables put together; `is_free` says which may be in one, `before` is the
    table that ended the page before."""
    found: list[Line | Table] = []
    at = 0
    if before is not None:
        at = _continue(lines, page, is_free, before)
        if at:
            found.append(before)
    while at < len(lines):
        end = _run(lines, is_free, at)
        table = _table(lines[at:end], page) if end - at >= _MIN_ROWS else None
        if table is not None:
            _take_heads(table, found, page)
        if table is None:
            found.extend(lines[at : max(end, at + 1)])
        else:
            found.append(table)
        at = max(end, at + 1)
    return found


def _take_heads(table: Table, found: list[Line | Table], page: int) -> None:
    """Move lines right above a table that stand over its columns, but not the first, into it."""
    for _ in range(_MAX_HEADS):
        above = found[-1] if found else None
        if not isinstance(above, Line) or len(above.pieces) > 2 or len(above.text) > _MAX_CELL:
            return
        gap = above.y - table.lines[0].y
        if not (0 < gap < 2.4 * above.size and above.x0 > table.columns[0][1] and above.y > 0):
            return
        found.pop()
        table.rows[:0] = [_cells(above, table.columns)]
        table.lines[:0] = [above]
        table.pages[:0] = [page]


def _continue(lines: Sequence[Line], page: int, is_free: Sequence[bool], table: Table) -> int:
    """Put lines that stand in the columns of a table of the page before to it; how many these are."""
    end = 0
    for line, free in zip(lines, is_free, strict=True):
        places = [_columns_of(piece, table.columns) for piece in line.pieces]
        fits = all(len(place) == 1 for place in places) and len({p[0] for p in places if p}) > 1
        if not (free and fits):
            break
        end += 1
    if end:
        head = table.rows[: table.header_rows or 1]
        added = [line for line in lines[:end] if _cells(line, table.columns) not in head]
        _fill(table, added, page)
    return end


def _run(lines: Sequence[Line], is_free: Sequence[bool], start: int) -> int:
    """Where a run of lines with several pieces that begins at `start` ends; `start` for none."""
    if not is_free[start] or len(lines[start].pieces) < 2:
        return start
    end, singles = start + 1, 0
    for at in range(start + 1, len(lines)):
        line = lines[at]
        if not is_free[at] or lines[at - 1].y - line.y > _MAX_GAP * line.size:
            break
        if len(line.pieces) > 1:
            end, singles = at + 1, 0
            continue
        singles += 1
        if singles > _MAX_SINGLES or len(line.text) > _MAX_CELL:
            break
    return end


def _table(lines: Sequence[Line], page: int) -> Table | None:
    rows = [line for line in lines if len(line.pieces) > 1]
    if len(rows) < _MIN_ROWS or not _is_tabular(rows):
        return None
    columns = _find_columns(rows)
    if len(columns) < 2:
        return None
    fits = sum(
        len({place[0] for piece in line.pieces if (place := _columns_of(piece, columns))}) > 1
        for line in rows
    )
    if fits < len(rows) * 0.7 or _flows([_cells(line, columns)[0] for line in rows]):
        return None
    table = Table(columns)
    _fill(table, lines, page)
    return table


def _is_tabular(rows: Sequence[Line]) -> bool:
    """Cells are shorter than sentences, by far most of them."""
    cells = [piece.text for line in rows for piece in line.pieces]
    return sum(len(cell) <= _MAX_CELL for cell in cells) >= len(cells) * 0.9


def _flows(cells: Sequence[str]) -> bool:
    """Whether the first cells of lines are a text that runs on from one to the next."""
    follow = [
        b[:1].islower() and len(a.split()) > 2 and a[-1] not in ".:;"
        for a, b in pairwise(cells)
        if a and b
    ]
    return sum(follow) > max(1, len(follow) * 0.3)


def _find_columns(rows: Sequence[Line]) -> list[tuple[float, float]]:
    """Intervals that more than some stray lines cover, of those that hold text in several lines."""
    pieces = [piece for line in rows for piece in line.pieces]
    left = min(min(piece.x0, piece.x1) for piece in pieces)
    width = max(max(piece.x0, piece.x1) for piece in pieces) - left
    if not 0 < width < _MAX_WIDTH:
        return []
    changes = [0] * (int(width) + 3)
    for piece in pieces:
        changes[int(piece.x0 - left)] += 1
        changes[int(max(piece.x1, piece.x0) - left) + 1] -= 1
    cover = list(accumulate(changes))
    stray = int(len(rows) * _STRAY)
    columns: list[tuple[float, float]] = []
    start = None
    for x, count in enumerate(cover):
        if count > stray and start is None:
            start = x
        elif count <= stray and start is not None:
            columns.append((left + start, left + x))
            start = None
    least = max(2, len(rows) // 8)
    return [c for c in columns if sum(_touches(line, c) for line in rows) >= least]


def _touches(line: Line, column: tuple[float, float]) -> bool:
    return any(piece.x0 < column[1] and piece.x1 > column[0] for piece in line.pieces)


def _columns_of(piece: Piece, columns: Sequence[tuple[float, float]]) -> list[int]:
    """The columns that a piece stands in; the nearest one for a piece between two."""
    inside = [
        at for at, (x0, x1) in enumerate(columns)
        if min(piece.x1, x1) - max(piece.x0, x0) > min(2.0, (x1 - x0) * 0.5)
    ]  # fmt: skip
    if inside or not columns:
        return inside
    middle = (piece.x0 + piece.x1) / 2
    return [min(range(len(columns)), key=lambda at: abs(sum(columns[at]) / 2 - middle))]


def _cells(line: Line, columns: Sequence[tuple[float, float]]) -> list[str]:
    """A line's text by column; a piece over several columns stands in the first of them."""
    cells = [""] * len(columns)
    for piece in line.pieces:
        at = _columns_of(piece, columns)[0]
        cells[at] = f"{cells[at]} {piece.text}".strip()
    return cells


def _fill(table: Table, lines: Sequence[Line], page: int) -> None:
    """Put lines to a table, each as a row or as more of the row before."""
    last: Line | None = None
    for line in lines:
        cells = _cells(line, table.columns)
        if last is not None and table.rows and _goes_on(cells, table.rows[-1], last, line):
            table.rows[-1] = [
                f"{a}\n{b}".strip() for a, b in zip(table.rows[-1], cells, strict=True)
            ]
        else:
            table.rows.append(cells)
            table.pages.append(page)
            table.lines.append(line)
        last = line


def _goes_on(cells: Sequence[str], row: Sequence[str], above: Line, line: Line) -> bool:
    """Whether a line is the rest of the cells above it: text without a cell in the first column."""
    tight = above.y - line.y < 1.45 * line.size
    filled = [at for at, cell in enumerate(cells) if cell]
    texts = not any(is_value(cells[at]) for at in filled)
    label = filled == [0] and cells[0][:1].islower() and not row[0].endswith(":")
    below = 0 not in filled and bool(row[0]) and all(row[at] for at in filled) and texts
    return tight and (label or below)


_VALUE = re.compile(
    r"[-–—(]?\s*[$€£¥]?\s*[-–—(]?\s*\d[\d.,\s]*\)?\s*%?\)?\W?|[-–—]+|n/?a", re.IGNORECASE
)
_YEAR = re.compile(r"(19|20)\d\d")


def is_value(cell: str) -> bool:
    """Whether a cell is a number, a sum of money, a share, or the dash for none."""
    return bool(_VALUE.fullmatch(cell.strip()))


def is_year(cell: str) -> bool:
    return bool(_YEAR.fullmatch(cell.strip()))
