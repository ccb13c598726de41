"""Tables: which hold data, their cells spread over what they span, and their rows as paragraphs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

from data_prep.documents.formats.html.tree import Node
from data_prep.documents.formats.tables.rows import paragraphs

_MAX_SPAN = 1000  # of the HTML standard
_MAX_SPREAD = 50_000  # cells beyond those that a table has
_LAYOUT = frozenset(("presentation", "none"))
FIND = "openbook-find-header"  # attribute of tables whose first row may name the columns unmarked
_SECTIONS = frozenset(("thead", "tbody", "tfoot"))
_ROW = frozenset(("tr",))
_PARTS = frozenset(("caption", "colgroup", "col", "td", "th", *_SECTIONS, *_ROW))
_NOTES = frozenset(
    ("note", "tip", "warning", "caution", "important", "admonition", "admonitionblock", "colist")
)


@dataclass(slots=True)
class Row:
    """Cells of a row; `head`: in `thead`."""

    cells: list[Node]
    head: bool


def data_rows(table: Node) -> list[Row] | None:
    """The rows of a table of data; None when it is used to place blocks on the page."""
    if table.get("role") in _LAYOUT or "table" in table.holds or "heading" in table.holds:
        return None
    around = [*table.classes, *(table.parent.classes if table.parent else [])]
    rows = [row for row in _rows(table) if row.cells]
    if not _NOTES.isdisjoint(around) or not rows or max(len(row.cells) for row in rows) < 2:
        return None
    cells = [cell for row in rows for cell in row.cells]
    if any("pre" in cell.holds and _lines(cell) > 1 for cell in cells):
        return None
    named = any(cell.tag == "th" for cell in cells) or any(row.head for row in rows)
    return rows if named or not _is_placed(cells) else None


def caption(table: Node) -> Node | None:
    return next((c for c in table.children if isinstance(c, Node) and c.tag == "caption"), None)


def strays(table: Node) -> list[Node | str]:
    """What stands in a table outside of its cells: browsers show it before the table."""
    inside = [section for section in table.children if _is_one_of(section, _SECTIONS)]
    rows = [row for place in (table, *inside) for row in place.children if _is_one_of(row, _ROW)]
    return [
        item
        for place in (table, *inside, *rows)
        for item in place.children
        if not _is_one_of(item, _PARTS) and (isinstance(item, Node) or item.strip())
    ]


def _is_one_of(item: Node | str, tags: frozenset[str]) -> TypeGuard[Node]:
    return isinstance(item, Node) and item.tag in tags


def row_paragraphs(table: Node, rows: list[Row], read: Callable[[Node], str]) -> Iterator[str]:
    """Each row as a paragraph that names its columns; `read` gives the text of a cell."""
    grid = _spread(rows, read)
    header = _header_rows(rows)
    if not header and all(_is_pair(row) for row in rows):
        yield from (": ".join(filter(None, line)) for line in grid)
        return
    while header and _is_title(rows[0], grid[0]):
        yield grid[0][0]
        rows, grid, header = rows[1:], grid[1:], header - 1
    known = header if header or _is_known_without(table, rows) else None
    names = grid[:header]
    part: list[list[str]] = []
    for row, line in zip(rows[header:], grid[header:], strict=True):
        if _is_title(row, line) and header:
            yield from paragraphs([*names, *part], header) if part else ()
            part = []
            yield line[0]
        elif line not in names or not header:
            part.append(line)
    yield from paragraphs([*names, *part], known) if part else (" ".join(line) for line in names)


def _rows(table: Node) -> Iterator[Row]:
    """Rows of the table itself; those of `tfoot` come last."""
    last: list[Row] = []
    for section in table.children:
        if not isinstance(section, Node):
            continue
        if section.tag == "tr":
            yield Row(_cells(section), False)
        elif section.tag in ("thead", "tbody", "tfoot"):
            found = [
                Row(_cells(row), section.tag == "thead")
                for row in section.children
                if isinstance(row, Node) and row.tag == "tr"
            ]
            if section.tag == "tfoot":
                last += found
            else:
                yield from found
    yield from last


def _cells(row: Node) -> list[Node]:
    return [cell for cell in row.children if isinstance(cell, Node) and cell.tag in ("td", "th")]


def _header_rows(rows: list[Row]) -> int:
    """How many of the first rows name columns: those of `thead`, else those of `th` alone."""
    count = 0
    for row in rows[:-1]:
        if not row.head and any(cell.tag != "th" and cell.size for cell in row.cells):
            break
        if not row.head and not any(cell.tag == "th" for cell in row.cells):
            break
        count += 1
    return count or int(len(rows) > 1 and _is_bold(rows[0]) and not _is_bold(rows[1]))


def _is_known_without(table: Node, rows: list[Row]) -> bool:
    """Whether a table has no names of columns: it names rows instead, or pairs things."""
    if FIND in table.attributes:
        return False
    pairs = max(len(row.cells) for row in rows) < 3
    return pairs or any(cell.tag == "th" for row in rows for cell in row.cells)


def _is_bold(row: Row) -> bool:
    """Whether all text of a row is bold, as names of columns are where authors know no `th`."""
    filled = [cell for cell in row.cells if cell.size]
    return len(filled) > 1 and all(
        cell.size == sum(e.size for e in cell.elements() if e.tag in ("b", "strong"))
        for cell in filled
    )


def _spread(rows: list[Row], read: Callable[[Node], str]) -> list[list[str]]:
    """The texts of cells, repeated in all places that they span."""
    left = _MAX_SPREAD
    grid: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # column -> rows still to fill, text
    for row in rows:
        line: list[str] = []
        for cell in [*row.cells, None]:
            while len(line) in below and left > 0:
                line.append(_from_above(below, len(line)))
                left -= 1
            if cell is None:
                break
            text = read(cell)
            wide, high = _span(cell, "colspan"), _span(cell, "rowspan")
            wide = wide if wide <= left else 1
            for _ in range(wide):
                if high > 1 and left > 0:
                    below[len(line)] = (high - 1, text)
                line.append(text)
            left -= wide - 1
        grid.append(line)
    return grid


def _from_above(below: dict[int, tuple[int, str]], column: int) -> str:
    rows, text = below.pop(column)
    if rows > 1:
        below[column] = (rows - 1, text)
    return text


def _span(cell: Node, name: str) -> int:
    value = cell.get(name).strip()
    if not value.isascii() or not value.isdigit():
        return 1
    return min(max(int(value[:9]), 1), _MAX_SPAN)


def _is_title(row: Row, line: list[str]) -> bool:
    """Whether one cell goes over the whole row: a title of the rows that follow."""
    return len(row.cells) == 1 and len(line) > 1 and len(set(line)) == 1


def _is_pair(row: Row) -> bool:
    return [cell.tag for cell in row.cells] == ["th", "td"]


def _is_placed(cells: list[Node]) -> bool:
    """Whether cells of a table without any header hold whole texts."""
    return any(cell.size > 400 for cell in cells)


def _lines(cell: Node) -> int:
    return sum(
        child.strip("\n").count("\n") + 1
        for node in cell.elements() if node.tag == "pre"
        for child in node.children if isinstance(child, str)
    )  # fmt: skip
