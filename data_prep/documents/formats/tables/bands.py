"""Tables that stand side by side on a sheet, an empty column between them."""

from collections.abc import Sequence
from itertools import groupby

from data_prep.documents.formats.tables.cells import TYPED, column_kind
from data_prep.documents.formats.tables.header import Row

_LEAST = 2  # columns and rows of a table


def beside(rows: Sequence[Row]) -> list[slice]:
    """The columns of each table, when the rows of a block hold several; empty for one table.

    An empty column alone does not part a table: spreadsheets of finance set years apart so. Each
    part needs columns of its own, names in its first one, and to begin or end at another row.
    """
    width = max((len(row) for row in rows), default=0)
    used = [any(at < len(row) and row[at].strip() for row in rows) for at in range(width)]
    runs = [list(group) for full, group in groupby(range(width), used.__getitem__) if full]
    if len(runs) < 2 or len(rows) <= _LEAST:
        return []
    bands = [slice(run[0], run[-1] + 1) for run in runs]
    spans = [_span(rows, band) for band in bands]
    own = len(set(spans)) == len(spans)
    whole = all(band.stop - band.start >= _LEAST for band in bands)
    return bands if own and whole and all(_is_labelled(rows, band) for band in bands[1:]) else []


def _span(rows: Sequence[Row], band: slice) -> tuple[int, int]:
    """The first and the last row of a part that are no title or note."""
    filled = [at for at, row in enumerate(rows) if sum(map(bool, row[band])) >= _LEAST]
    return (filled[0], filled[-1]) if filled else (0, len(rows) - 1)


def _is_labelled(rows: Sequence[Row], band: slice) -> bool:
    """Whether the first column of a part holds words, one in each of its rows."""
    first, last = _span(rows, band)
    part = [row[band] for row in rows[first : last + 1]]
    labels = [row[0] for row in part if row and row[0].strip()]
    return len(labels) >= 0.8 * len(part) and column_kind(labels) not in TYPED
