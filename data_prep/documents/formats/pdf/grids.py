"""Tables that are drawn as grids: what stands between rules is one cell, however many lines it has."""

from collections.abc import Sequence

from data_prep.documents.formats.pdf.page.grids import Grid, find_grids
from data_prep.documents.formats.pdf.page.lines import make_lines
from data_prep.documents.formats.pdf.page.shapes import Line, Page, Piece
from data_prep.documents.formats.pdf.tables import Table, join_marks

_MAX_CELL = 1_500  # characters: a longer one is text in a frame
_MAX_LABEL = 200  # of a cell over several rows that is said in each of them
_SAME_COLUMN = 4.0
_ENDS = ".!?:;"


def take_tables(page: Page) -> list[tuple[Piece, Table]]:
    """Take the tables that are drawn as grids from a page; in the place of each stands a piece."""
    found: list[tuple[Piece, Table]] = []
    for grid in find_grids(page.rules):
        if not grid.is_tabular():
            continue
        table = _table(grid, page)
        if table is None:
            continue
        inside = {id(piece) for piece in page.pieces if _place(grid, piece) is not None}
        page.pieces = [piece for piece in page.pieces if id(piece) not in inside]
        top = table.lines[0].pieces[0]
        place = Piece(top.text[:1], grid.xs[0], grid.xs[-1], top.y, top.size)
        page.pieces.append(place)
        found.append((place, table))
    return found


def goes_on(table: Table, below: Table) -> bool:
    """Put the rows of a grid at the head of a page to the one before, if it has its columns."""
    same = len(table.columns) == len(below.columns) and all(
        abs(a[0] - b[0]) < _SAME_COLUMN and abs(a[1] - b[1]) < _SAME_COLUMN
        for a, b in zip(table.columns, below.columns, strict=True)
    )
    if not (same and table.ruled and below.ruled):
        return False
    count = table.header_rows or 1
    skip = count if below.rows[:count] == table.rows[:count] else 0
    if not skip and table.header_rows and below.lines[0].bold and not below.lines[-1].bold:
        return False
    rows = below.rows[skip:]
    if rows and _is_rest(table.rows[-1], rows[0]):
        table.rows[-1] = _joined(table.rows[-1], rows[0])
        skip += 1
    table.rows += below.rows[skip:]
    table.lines += below.lines[skip:]
    table.pages += below.pages[skip:]
    return True


def _place(grid: Grid, piece: Piece) -> tuple[int, int] | None:
    return grid.place(piece.x0 + min(2.0, (piece.x1 - piece.x0) / 2), piece.y + 0.3 * piece.size)


def _table(grid: Grid, page: Page) -> Table | None:
    """The cells of a grid as a table; None where it frames other things than cells."""
    owners = grid.owners()
    cells: dict[tuple[int, int], list[Piece]] = {}
    for piece in page.pieces:
        place = _place(grid, piece)
        if place is not None:
            cells.setdefault(owners[place[0]][place[1]], []).append(piece)
    texts = {place: _text(pieces) for place, pieces in cells.items()}
    if len(texts) < 4 or max(map(len, texts.values())) > _MAX_CELL:
        return None
    table = Table(list(zip(grid.xs, grid.xs[1:], strict=False)), ruled=True)
    for at, owner in enumerate(owners):
        _add_row(table, at, owner, texts, cells, page.number)
    filled = [sum(bool(row[at]) for row in table.rows) for at in range(len(table.columns))]
    used = sum(count > 0 for count in filled)
    return table if len(table.rows) > 1 and used > 1 else None


def _add_row(
    table: Table,
    at: int,
    owner: Sequence[tuple[int, int]],
    texts: dict[tuple[int, int], str],
    cells: dict[tuple[int, int], list[Piece]],
    page: int,
) -> None:
    row, pieces = [""] * len(owner), []
    for place in dict.fromkeys(owner):
        text = texts.get(place, "")
        if not text:
            continue
        over = [column for column, other in enumerate(owner) if other == place]
        if place[0] == at:
            row[over[0]] = text
            left, right = table.columns[over[0]][0], table.columns[over[-1]][1]
            pieces.append(_whole(text, cells[place], left, right))
        elif len(text) <= _MAX_LABEL:
            row[over[0]] = text
    if pieces:
        table.rows.append(row)
        table.lines.append(Line(pieces))
        table.pages.append(page)


def _whole(text: str, pieces: Sequence[Piece], left: float, right: float) -> Piece:
    """A cell as one piece that is as wide as the cell."""
    first = max(pieces, key=lambda piece: piece.y)
    bold, mono = all(p.bold for p in pieces), all(p.mono for p in pieces)
    return Piece(text, left, right, first.y, first.size, bold, mono)


def _text(pieces: Sequence[Piece]) -> str:
    lines = make_lines(pieces)
    for line in lines:
        join_marks(line)
    return "\n".join(line.text for line in lines)


def _is_rest(row: Sequence[str], rest: Sequence[str]) -> bool:
    """Whether the first row of a page is the rest of a row that the end of the page cut."""
    pairs = [(a, b) for a, b in zip(row, rest, strict=True) if b]
    open_ends = [bool(a) and a[-1] not in _ENDS for a, _ in pairs]
    if not rest[0]:
        return all(
            is_open or b[:1].islower() for is_open, (_, b) in zip(open_ends, pairs, strict=True)
        )
    return any(
        is_open and b[:1].islower()
        for is_open, (_, b) in zip(open_ends[1:], pairs[1:], strict=True)
    )


def _joined(row: Sequence[str], rest: Sequence[str]) -> list[str]:
    return [f"{a}\n{b}".strip() for a, b in zip(row, rest, strict=True)]
