"""Comma, semicolon, tab or bar separated values."""

import csv
from collections.abc import Iterator, Sequence

from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.formats.tables.dialect import find_dialect, lines_of
from data_prep.documents.formats.tables.rows import paragraphs
from data_prep.documents.formats.text import decode

_MAX_CELL = 2**31 - 1  # of the csv module, whose own limit is 128 KiB


def parse_csv(data: bytes) -> Parsed:
    """Rows as paragraphs, by the delimiter and quotes that fit best; the first lines may be a preamble."""
    counted = _Counted(decode(data))
    text = "\n\n".join(paragraphs(counted.rows()))
    return Parsed("", text, metadata={"rows": counted.count})


def read_rows(text: str) -> Iterator[Sequence[str]]:
    """The rows of a delimited file, a blank line as an empty row; ParseError when it cannot be read."""
    csv.field_size_limit(_MAX_CELL)
    dialect = find_dialect(text)
    lines = lines_of(text, dialect.start)
    try:
        for place, row in enumerate(csv.reader(lines, **dialect.options())):
            yield [dialect.delimiter.join(row)] if place < dialect.comments else row
    except csv.Error as error:
        raise ParseError(f"not readable as CSV: {error}") from error


class _Counted:
    """The rows of a text, and how many of them held something."""

    def __init__(self, text: str) -> None:
        self.count = 0
        self._text = text

    def rows(self) -> Iterator[Sequence[str]]:
        for row in read_rows(self._text):
            self.count += any(row)
            yield row
