"""Tables as text that can be searched: a row is a paragraph of "column: value" lines.

A chunk of a drawn table loses the names of its columns; a paragraph a row keeps them, and every value
stands in the text exactly as the file has it. Blank rows end a table; what follows is the next one with
a header of its own, or more rows of the same, or a note.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, islice

from data_prep.documents.formats.tables.bands import beside
from data_prep.documents.formats.tables.cells import TYPED, Kind, kind, squeeze
from data_prep.documents.formats.tables.header import (
    SAMPLE,
    Covered,
    Row,
    fill_groups,
    filled,
    find_header,
    fits,
    is_filled,
    kinds_of,
    names_of,
)

_NOTE = re.compile(
    r"(?:sources?|quellen?|notes?|anmerkung(?:en)?|hinweis|stand|as of|remarks?|fußnote)\b|[*†‡¹²³#]",
    re.IGNORECASE,
)
_HELD = 3  # lone rows
_LONG_NOTE = 60  # characters of a first cell that stands alone in its row


@dataclass(slots=True)
class _Table:
    """The header of a table, the kinds and the number of its columns, and which had a value."""

    header: tuple[tuple[str, ...], ...]
    names: list[str]
    kinds: list[Kind]
    width: int
    titled: bool = False
    used: set[int] = field(default_factory=set)

    def paragraph(self, row: Row) -> str:
        """A row of data, or a note between such rows; empty for the header once more."""
        if filled(row) == 1 and self._is_note(row):
            return plain(row)
        if self._is_header(row):
            return ""
        self.use(row)
        return named(self.names, row)

    def use(self, row: Row) -> None:
        """Remember which columns have a value."""
        if len(self.used) < len(self.names):
            self.used.update(at for at, cell in enumerate(row) if cell.strip())

    def unused(self) -> str:
        """The names of columns without a value, which no row says."""
        names = (name for at, name in enumerate(self.names) if at not in self.used)
        return "\n".join(name for name in names if name)

    def _is_header(self, row: Row) -> bool:
        header = self.header[-1]
        return bool(header) and squeeze(row[0]) == header[0] and _key(row) == header

    def _is_note(self, row: Row) -> bool:
        cell = next(cell for cell in row if cell.strip())
        if any(isinstance(other, Covered) for other in row):
            return True
        if len(self.names) < 3 or not row[0].strip():
            return False
        alien = self.kinds[0] in TYPED and kind(cell) not in {self.kinds[0], "missing"}
        return alien or len(cell) > _LONG_NOTE or _NOTE.match(cell) is not None


def paragraphs(rows: Iterable[Sequence[str]], header_rows: int | None = None) -> Iterator[str]:
    """Rows with something in them, each as one paragraph.

    `header_rows` is how many of the first of these are known to name the columns; None: find out, for
    each table that blank rows set apart. The rows above a header stay as they are. Names of columns
    that have no value at all are a paragraph below their table.
    """
    if header_rows is not None:
        whole = filter(is_filled, rows)
        return filter(None, _known(whole, header_rows))
    return filter(None, _found(rows))


def _found(rows: Iterable[Row]) -> Iterator[str]:
    table: _Table | None = None
    held: list[Row] = []  # lone rows: preamble, or a table with a blank row after each row
    for some, block in groupby(rows, is_filled):
        if not some:
            continue
        rest = iter(block)
        head = list(islice(rest, SAMPLE))
        if _is_lone(head, table) and len(held) < _HELD:
            held += head
            continue
        own = find_header(head)
        if own is not None and own.certain:
            yield from map(plain, held)
        else:
            head = held + head
        held = []
        bands = beside(head)
        if bands:
            yield from _side_by_side([*head, *rest], bands)
            table = None
            continue
        table, texts = _opened(head, table)
        yield from texts
        yield from (_text(row, table) for row in rest)
    if held:
        table, texts = _opened(held, table)
        yield from texts
    yield table.unused() if table is not None else ""


def _is_lone(head: Sequence[Row], table: _Table | None) -> bool:
    """Whether a block is one row of several cells that is no row of the table above it."""
    alone = len(head) == 1 and filled(head[0]) > 1
    return alone and (table is None or not _goes_on(head, table, certain=False))


def _opened(head: list[Row], before: _Table | None) -> tuple[_Table | None, list[str]]:
    """The table that the first rows of a block belong to, and their paragraphs."""
    above, table, below = _open(head, before)
    last = before.unused() if before is not None and table is not before else ""
    return table, [last, *map(plain, above), *(_text(row, table) for row in below)]


def _text(row: Row, table: _Table | None) -> str:
    return plain(row) if table is None else table.paragraph(row)


def _side_by_side(rows: Sequence[Row], bands: Sequence[slice]) -> Iterator[str]:
    """The rows of tables that stand side by side, one table after another."""
    for band in bands:
        yield from _found(row[band] for row in rows)


def named(names: Sequence[str], row: Row) -> str:
    """A row as "column: value" lines; a cell without a name stands alone."""
    pairs = zip([*names, *[""] * (len(row) - len(names))], row, strict=False)
    cells = ((name, squeeze(cell)) for name, cell in pairs)
    return "\n".join(f"{name}: {cell}" if name else cell for name, cell in cells if cell)


def plain(row: Row) -> str:
    """A row without names, a cell a line; a merged cell once."""
    cells = (squeeze(cell) for cell in row if not isinstance(cell, Covered))
    return "\n".join(cell for cell in cells if cell)


def _known(rows: Iterator[Row], header_rows: int) -> Iterator[str]:
    header = list(islice(rows, header_rows))
    first = next(rows, None)
    if not header or first is None:
        yield from map(plain, header if first is None else [first])
        yield from map(plain, rows)
        return
    table = _table(header, [])
    for row in chain([first], rows):
        table.use(row)
        yield named(table.names, row)
    yield table.unused()


def _open(head: list[Row], before: _Table | None) -> tuple[list[Row], _Table | None, list[Row]]:
    """The rows above a block's header, its table (None: no header), and the rows below."""
    if before is not None and all(filled(row) == 1 for row in head) and before.width > 1:
        before.titled = True
        return head, before, []
    layout = find_header(head)
    if before is not None and _goes_on(head, before, layout is not None and layout.certain):
        return [], before, head
    if layout is None:
        return [], None, head
    table = _table(head[layout.first : layout.last], head[layout.last :])
    return head[: layout.first], table, head[layout.last :]


def _table(header: Sequence[Row], below: Sequence[Row]) -> _Table:
    width = max(map(len, [*header, *below]))
    names = names_of(fill_groups(header))
    return _Table(tuple(map(_key, header)), names, kinds_of(below), width)


def _goes_on(head: Sequence[Row], before: _Table, certain: bool) -> bool:
    """Whether a block below a blank row has more rows of the table above it."""
    if _key(head[0]) == before.header[-1]:
        return True
    if any(len(_key(row)) > before.width or not fits(row, before.kinds) for row in head):
        return False
    narrower = all(len(_key(row)) < before.width for row in head)
    if len(head) > 1 and (certain or narrower or filled(head[0]) == 1 < before.width):
        return False
    return not before.titled or any(found in TYPED for found in before.kinds)


def _key(row: Row) -> tuple[str, ...]:
    cells = [squeeze(cell) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return tuple(cells)
