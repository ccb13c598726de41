"""Which rows of a table name its columns, told by the kinds of cells above and below.

A header is text over columns of numbers, dates or truth values; or a run of years or steps over numbers
that are no such run; or, where all is text, a first row without gaps whose words do not come again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from data_prep.documents.formats.tables.cells import TYPED, Kind, column_kind, kind, squeeze

Row = Sequence[str]
SAMPLE = 50  # rows that decide
_WIDEST = 256  # columns that decide
_HEADER_ROWS = 4  # at most
_PREAMBLE = 20  # rows above a header at most
_NAMED_SHARE = 0.5  # of the columns of most rows that a header reaches over
_ALIKE = 3  # rows of data above what looks like a header
_LONGEST_NAME = 120  # characters
_NAMELESS = re.compile(r"|Unnamed: \d+(?:_level_\d+)?")  # as pandas writes a gap
_YEARS = range(1800, 2200)


class Covered(str):
    """The text of a merged cell at a column that the cell covers and does not begin at."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """The rows [first, last) of a block name its columns; above them stands a title or preamble.

    `certain` says that kinds of cells told so, not only that the first row looks like names.
    """

    first: int
    last: int
    certain: bool = True


def filled(row: Row) -> int:
    """How many cells of a row hold something of their own."""
    return sum(1 for cell in row if cell.strip() and not isinstance(cell, Covered))


def is_filled(row: Row) -> bool:
    """Whether a row holds anything of its own."""
    return any(cell.strip() and not isinstance(cell, Covered) for cell in row)


def find_header(rows: Sequence[Row]) -> Layout | None:
    """The header among the first rows of a block; None when all of them are data.

    `rows` are the first rows of a table, up to `SAMPLE`, each with something in it.
    """
    rows = [row[:_WIDEST] for row in rows]
    width = max((_extent(row) for row in rows), default=0)
    if len(rows) < 2 or width < 2:
        return _column_header(rows)
    least = max(2, _NAMED_SHARE * median(map(_extent, rows)))
    for place in range(min(_PREAMBLE, len(rows) - 1)):
        if (
            _extent(rows[place]) >= least
            and filled(rows[place]) > 1
            and _evidence(rows[place], rows[place + 1 :]) > 0
        ):
            if place and _is_data(rows[:place], rows[place:]):
                continue
            return _whole(rows, place)
    return _wordy(rows, width)


def names_of(rows: Sequence[Row]) -> list[str]:
    """The names of columns from header rows, the outer one first: "2024 Revenue".

    A name that comes again gets a number: "Phone 2". A column without a name has "".
    """
    width = max(map(len, rows), default=0)
    columns = ([squeeze(row[at]) if at < len(row) else "" for row in rows] for at in range(width))
    taken: dict[str, int] = {}
    names = []
    for parts in columns:
        name = " ".join(dict.fromkeys(part for part in parts if not _NAMELESS.fullmatch(part)))
        name = name.removesuffix(":") or name
        while name and name in taken:
            taken[name] += 1
            name = f"{name} {taken[name]}"
        taken.setdefault(name, 1)
        names.append(name)
    return names


def fill_groups(rows: Sequence[Row]) -> list[Row]:
    """Header rows where a name of an outer row reaches over the gap to its right."""
    if len(rows) < 2:
        return list(rows)
    width = max(map(len, rows))
    whole: list[Row] = []
    for row in rows[:-1]:
        cells, last = [], ""
        for at in range(width):
            cell = row[at] if at < len(row) else ""
            below = any(at < len(inner) and inner[at].strip() for inner in rows[len(whole) + 1 :])
            last = cell if cell.strip() else (last if below and at else "")
            cells.append(last)
        whole.append(cells)
    return [*whole, rows[-1]]


def fits(row: Row, kinds: Sequence[Kind]) -> bool:
    """Whether a row has nothing in columns of numbers, dates or truth values that is not such."""
    cells = zip(row, kinds, strict=False)
    return all(
        at not in TYPED or kind(cell) in {at, "missing"} or _covered(cell) for cell, at in cells
    )


def kinds_of(rows: Sequence[Row]) -> list[Kind]:
    """The kind of each column."""
    width = max(map(len, rows), default=0)
    return [
        column_kind(row[at] for row in rows if at < len(row) and not _covered(row[at]))
        for at in range(width)
    ]


def _covered(cell: str) -> bool:
    return isinstance(cell, Covered)


def _extent(row: Row) -> int:
    return max((at for at, cell in enumerate(row, 1) if cell.strip()), default=0)


def _column_header(rows: Sequence[Row]) -> Layout | None:
    """The header of a single column: a word over numbers or dates."""
    if len(rows) < 3 or max(_extent(row) for row in rows) != 1:
        return None
    below = column_kind((row[0] for row in rows[1:]), 1.0)
    named = kind(rows[0][0]) in {"words", "mixed"} and below in TYPED
    return Layout(0, 1) if named else None


def _whole(rows: Sequence[Row], place: int) -> Layout:
    """A header with its further rows below and the rows of groups above.

    The fullest of the rows that look like a header is the one; above it may stand remarks.
    """
    last = place + 1
    while last < min(place + _HEADER_ROWS, len(rows) - 1) and _goes_on(rows, place, last):
        last += 1
    first = max(range(place, last), key=lambda at: filled(rows[at]))
    while first and _is_group(rows[first - 1], rows[first]):
        first -= 1
    return Layout(max(first, last - _HEADER_ROWS), last)


def _goes_on(rows: Sequence[Row], place: int, at: int) -> bool:
    """Whether the row at `at`, below a header from `place`, names columns too: units, inner names."""
    row, below = rows[at], rows[at + 1 :]
    if not row[0].strip() and _above_values(row, below):
        return True
    if filled(row) == 1 and row[0].strip():  # an index's own name, as data frames write it
        return at - place > 1 and filled(rows[at + 1]) > 2 and not rows[place][0].strip()
    return filled(row) > 1 and _evidence(row, below) >= max(1.0, 0.5 * _typed(below))


def _above_values(row: Row, below: Sequence[Row]) -> bool:
    """Whether all that a row holds is words above columns of values, such as units."""
    kinds = kinds_of(below)
    cells = [(kind(cell), at) for cell, at in zip(row, kinds, strict=False) if cell.strip()]
    return bool(cells) and all(found not in TYPED and at in TYPED for found, at in cells)


def _typed(rows: Sequence[Row]) -> int:
    return sum(1 for found in kinds_of(rows) if found in TYPED)


def _is_group(outer: Row, inner: Row) -> bool:
    """Whether a row above a header holds names of groups of columns, not preamble."""
    if filled(outer) < 2 and not (filled(outer) == 1 and not outer[0].strip()):
        return False
    if any(isinstance(cell, Covered) for cell in outer) and filled(outer) > 1:
        return True
    names = [squeeze(cell) for cell in inner if cell.strip()]
    gaps = any(o.strip() and not i.strip() for o, i in zip(outer, inner, strict=False))
    if filled(outer) == filled(inner) > 2 and not any(kind(cell) in TYPED for cell in outer):
        return True
    return not outer[0].strip() or len(set(names)) < len(names) or gaps


def _evidence(row: Row, below: Sequence[Row]) -> float:
    """How much speaks for a row as the header of those below; negative: it is one of them."""
    below = [other for other in below if list(other) != list(row)]  # a header may come again
    kinds = kinds_of(below)
    run = _is_run(row, kinds, below)
    score = 0.0
    for at, (cell, column) in enumerate(zip(row, kinds, strict=False)):
        if isinstance(cell, Covered) and at and row[at - 1] == cell and column not in TYPED:
            continue
        score += _vote(cell, column, run, [other[at] for other in below if at < len(other)])
    return score


def _vote(cell: str, column: Kind, run: bool, below: Sequence[str]) -> float:
    found = kind(cell)
    if found == "missing" or column == "missing":
        return 0.0
    if column in TYPED:
        if found in TYPED:
            if run and found == "number":
                return 1.0
            return -1.0 if found == column else 0.5 * (len(below) > 1)
        return 1.0
    if found in TYPED:
        return 0.5 if len(below) > 2 and not any(kind(other) in TYPED for other in below) else 0.0
    if cell in below:
        return -1.0
    return {("words", "mixed"): 0.5, ("mixed", "mixed"): -0.5}.get((found, column), 0.0)


def _is_run(row: Row, kinds: Sequence[Kind], below: Sequence[Row]) -> bool:
    """Whether the numbers of a row are years or even steps, and those below are not."""
    at = [n for n, cell in enumerate(row) if n < len(kinds) and kind(cell) == "number"]
    steps = _steps([row[n] for n in at]) or _rises_over_fractions([row[n] for n in at], at, below)
    if not at or not steps:
        return False
    others = [[other[n] for n in at if n < len(other)] for other in below[:8]]
    return not any(_steps(cells) for cells in others if len(cells) == len(at))


def _rises_over_fractions(cells: Sequence[str], at: Sequence[int], below: Sequence[Row]) -> bool:
    """Whether whole numbers rise from column to column and stand over fractions."""
    if len(cells) < 3 or not all(cell.strip().isdecimal() for cell in cells):
        return False
    values = [row[n] for row in below for n in at if n < len(row) and row[n].strip()]
    fractions = sum(1 for value in values if "." in value or "," in value)
    rises = all(int(before) < int(after) for before, after in pairwise(cells))
    return rises and fractions > 0.5 * len(values)


def _steps(cells: Sequence[str]) -> bool:
    try:
        values = [float(cell) for cell in dict.fromkeys(cells)]
    except ValueError:
        return False
    if all(value in _YEARS for value in values):
        return True
    gaps = {round(after - before, 9) for before, after in pairwise(values)}
    return len(values) > 2 and len(gaps) == 1 and 0.0 not in gaps


def _is_data(above: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Whether a candidate, the first of `rows`, is one odd row among data, by the rows above it."""
    full = sum(1 for row in above if filled(row) >= 0.8 * filled(rows[0]))
    if full > len(rows) - 1:
        return True
    kinds, width = kinds_of(rows[1:]), filled(rows[-1])
    alike = [row for row in above if filled(row) > 1 and filled(row) >= 0.6 * width]
    return sum(fits(row, kinds) for row in alike) >= _ALIKE and any(at in TYPED for at in kinds)


def _wordy(rows: Sequence[Row], width: int) -> Layout | None:
    """The header of a table whose kinds do not tell: its first whole row, if that looks like names."""
    for place, row in enumerate(rows[:_PREAMBLE]):
        if filled(row) == 1 and _extent(row) < width:
            continue
        if filled(row) < 0.6 * width and place + 1 < len(rows) - 1:
            continue
        body = rows[place + 1 :]
        cells = [cell for cell in map(squeeze, row) if cell]
        plain = all(kind(cell) not in TYPED and len(cell) <= _LONGEST_NAME for cell in cells)
        whole = len(cells) >= 0.6 * width and len(cells) >= filled(row)
        if body and plain and whole and _evidence(row, body) >= 0:
            return replace(_whole(rows, place), certain=False)
        return None
    return None
