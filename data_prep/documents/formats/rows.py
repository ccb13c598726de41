"""Tables as text that can be searched: a row is a paragraph of "column: value" lines.

A chunk of a drawn table loses the names of its columns; a paragraph a row keeps them, and every value
stands in the text exactly as the file has it.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest

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


def paragraphs(rows: Iterable[Sequence[str]], header_rows: int | None = None) -> Iterator[str]:
    """Rows with something in them, each as one paragraph.

    `header_rows` is how many of the first of these are known to name the columns; None: find out.
    """
    filled = (row for row in rows if any(cell.strip() for cell in row))
    header = list(islice(filled, 1 if header_rows is None else header_rows))
    names = _names(header[0]) if header_rows is None and header else _joined(header)
    if names is None:
        yield from map(_plain, header)
    for row in filled:
        yield _plain(row) if names is None else _named(names, row)


def _joined(header: Sequence[Sequence[str]]) -> list[str] | None:
    """The names of columns from header rows, the outer one first: "2024 Revenue"."""
    columns = zip_longest(*header, fillvalue="")
    names = [" ".join(dict.fromkeys(" ".join(cell.split()) for cell in cells)) for cells in columns]
    return [name.strip() for name in names] if header else None


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
