"""Tables as text that can be searched: a row is a paragraph of "column: value" lines.

A chunk of a drawn table loses the names of its columns; a paragraph a row keeps them, and every value
stands in the text exactly as the file has it.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.formats.text import decode

_SAMPLE_CHARS = 1 << 16
_DELIMITERS = ",;\t|"
_MAX_CELL = 2**31 - 1  # of the csv module, whose own limit is 128 KiB


def parse_csv(data: bytes) -> Parsed:
    """Comma, semicolon, tab or bar separated values; the first row names the columns if it can."""
    text = decode(data)
    csv.field_size_limit(_MAX_CELL)
    try:
        rows = list(csv.reader(io.StringIO(text), _dialect(text[:_SAMPLE_CHARS])))
    except csv.Error as error:
        raise ParseError(f"not readable as CSV: {error}") from error
    return Parsed("", "\n\n".join(paragraphs(rows)), metadata={"rows": sum(map(any, rows))})


def paragraphs(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows with something in them, each as one paragraph."""
    filled = (row for row in rows if any(cell.strip() for cell in row))
    first = next(filled, None)
    if first is None:
        return
    names = _names(first)
    if names is None:
        yield _plain(first)
    for row in filled:
        yield _plain(row) if names is None else _named(names, row)


def _names(row: Sequence[str]) -> list[str] | None:
    """The names of columns, when a row looks like that: different words, no numbers, no gaps."""
    cells = [" ".join(cell.split()) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    words = all(cell and not _is_number(cell) for cell in cells)
    return cells if len(cells) > 1 and words and len(set(cells)) == len(cells) else None


def _named(names: Sequence[str], row: Sequence[str]) -> str:
    pairs = zip([*names, *[""] * (len(row) - len(names))], row, strict=False)
    cells = ((name, " ".join(cell.split())) for name, cell in pairs)
    return "\n".join(f"{name}: {cell}" if name else cell for name, cell in cells if cell)


def _plain(row: Sequence[str]) -> str:
    cells = (" ".join(cell.split()) for cell in row)
    return "\n".join(cell for cell in cells if cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "").rstrip("%"))
    except ValueError:
        return False
    return True


def _dialect(sample: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(sample, _DELIMITERS)
    except csv.Error:
        return csv.excel
