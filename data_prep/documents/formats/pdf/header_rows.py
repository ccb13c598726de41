"""Which of a table's first rows name its columns, and cells that stand over several columns."""

from collections.abc import Sequence

from data_prep.documents.formats.pdf.shapes import Line
from data_prep.documents.formats.pdf.tables import Table, is_value, is_year

_MAX_HEADER = 4


def finish(table: Table) -> None:
    """Find the rows that name the columns; cells over several columns name each of them."""
    count = _count(table)
    table.header_rows = count
    for at in range(count or 0):
        _spread(table.rows[at], table.lines[at], table.columns)


def _count(table: Table) -> int | None:
    """The number of header rows; None where it cannot be told, and the words must tell."""
    rows, lines = table.rows, table.lines
    first = next((at for at, row in enumerate(rows) if _is_data(row)), len(rows))
    if 0 < first <= _MAX_HEADER and first < len(rows):
        heads = [at for at in range(first) if not _is_label(rows[at])]
        if heads:
            return heads[-1] + 1
    if _stands_out(lines):
        return 1
    if len(table.columns) == 2:
        return 1 if _has_figures(rows) else 0
    return 0 if first == 0 else None


def _is_data(row: Sequence[str]) -> bool:
    """A label and numbers that are no years, or numbers alone in all columns."""
    values = [cell for cell in row[1:] if is_value(cell)]
    return bool(values) and not all(map(is_year, values))


def _is_label(row: Sequence[str]) -> bool:
    return bool(row[0]) and not any(row[1:])


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
