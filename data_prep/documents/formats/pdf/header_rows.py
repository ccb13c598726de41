"""Which of a table's first rows name its columns, and cells that stand over several columns."""

from collections.abc import Sequence

from data_prep.documents.formats.pdf.page.shapes import Line
from data_prep.documents.formats.pdf.tables import Table, is_value, is_year

_MAX_HEADER = 4
_MAX_NAME = 40  # characters


def finish(table: Table) -> None:
    """Find the rows that name the columns; cells over several columns name each of them."""
    count = _count(table)
    table.header_rows = count
    for at in range(count or 0):
        _spread(table.rows[at], table.lines[at], table.columns)


def _count(table: Table) -> int | None:
    """The number of header rows; None where it cannot be told, and the words must tell."""
    rows, lines = table.rows, table.lines
    count = 0
    while (
        count < min(_MAX_HEADER, len(rows) - 1) and not rows[count][0] and not _is_data(rows[count])
    ):
        count += 1
    if count < len(rows) - 1 and _names_columns(rows, lines, count):
        count += 1
    if count:
        return count
    if table.ruled:
        return _of_grid(table)
    return 0 if len(table.columns) == 2 or _is_data(rows[0]) else None


def _of_grid(table: Table) -> int | None:
    """A grid's first row names its columns where all of them have a short name, unless its first
    column names its rows."""
    first = table.rows[0]
    named = all(cell and len(cell) <= _MAX_NAME and not is_value(cell) for cell in first)
    labels = sum(
        row[0].endswith(":") or (line.pieces[0].bold and not line.bold)
        for row, line in zip(table.rows, table.lines, strict=True)
    )
    if len(first) == 2 and labels > len(table.rows) * 0.5:
        return 0
    distinct = len({cell.casefold() for cell in first}) == len(first)
    return 1 if named and distinct and len(table.rows) > 2 else None


def _names_columns(rows: Sequence[Sequence[str]], lines: Sequence[Line], at: int) -> bool:
    """Whether a row is words or years over cells of another kind, or in another type."""
    row = rows[at]
    filled = [cell for cell in row if cell]
    if len(filled) < 2 or not all(is_year(cell) or not is_value(cell) for cell in filled):
        return False
    if any(map(is_year, row[1:])) or _stands_out(lines[at:]):
        return True
    return _is_data(rows[at + 1]) or (at == 0 and _has_figures(rows))


def _is_data(row: Sequence[str]) -> bool:
    """Numbers that are no years."""
    values = [cell for cell in row[1:] if is_value(cell)]
    return bool(values) and not all(map(is_year, values))


def _stands_out(lines: Sequence[Line]) -> bool:
    """The first row is bold or larger, and the rows below are not."""
    head, rest = lines[0], lines[1:]
    plain = sum(line.bold for line in rest) <= len(rest) * 0.3
    return head.bold and plain


def _has_figures(rows: Sequence[Sequence[str]]) -> bool:
    """Some column has digits in most cells below a first cell that has none."""
    body = rows[1:]
    for at, cell in enumerate(rows[0]):
        below = [row[at] for row in body if row[at]]
        digits = sum(any(map(str.isdigit, text)) for text in below)
        if (
            at
            and cell
            and not any(map(str.isdigit, cell))
            and all(rows[0])
            and digits > len(below) * 0.8
        ):
            return len(cell.split()) <= 3 and not rows[0][0].endswith(":") and len(body) > 3
    return False


def _spread(cells: list[str], line: Line, columns: Sequence[tuple[float, float]]) -> None:
    """Write the text of a piece over several columns into each of them."""
    for piece in line.pieces:
        over = [
            at for at, (x0, x1) in enumerate(columns)
            if min(piece.x1, x1) - max(piece.x0, x0) > 2
        ]  # fmt: skip
        for at in over:
            if not cells[at]:
                cells[at] = piece.text
