"""The delimiter and the quotes of a delimited file, by trying each pair on its beginning.

A pair is good when quotes close where cells end, rows have equally many cells, and cells are numbers,
dates or words instead of remains such as `5;2`. `csv.Sniffer` guesses from the text between quotes and is
wrong for most files of sentences.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from data_prep.documents.formats.tables.cells import TYPED, kind

DELIMITERS = ",;\t|^"
_BLANK = " "  # a delimiter of columns of numbers only, as anything else may be a sentence
_SAMPLE_CHARS = 1 << 16
_SAMPLE_ROWS = 400
_SCORED_ROWS = 120
_PREAMBLE, _NOTES = 12, 6  # narrow rows above and below a table
_SEP = re.compile(r'"?sep=(.)"?[ \t]*(?:\n|$)', re.IGNORECASE)
# a delimiter with something right after it; a comma or a blank within a number is none
_REMAINS = {
    mark: re.compile(
        r"(?<!\d),(?=[^\s\d])|(?<=\D),(?=\d)" if mark == "," else rf"{re.escape(mark)}\S"
    )
    for mark in DELIMITERS
}
_PROSE, _PROSE_MARK = 0.8, re.compile(r"(?<!\d)[,;](?=(\s)|.)|[,;](?=(\s)|\D)")
_NUMBERS = 0.6  # share of cells that are numbers where blanks are the delimiters
_SINGLE, _SINGLE_TORN = 0.4, 0.05
_QUOTED = re.compile(r"'(?:[^']|'')*'")
NONE = "\x1f"  # the delimiter of a file of one column


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read a file: `start` is where its rows begin, `comments` how many of them are comments."""

    delimiter: str
    quote: str = '"'  # empty: quotes mean nothing
    escape: bool = False  # by a backslash, and not by doubling
    spaced: bool = False  # a blank after each delimiter
    start: int = 0
    comments: int = 0

    def options(self, strict: bool = False) -> dict[str, Any]:
        """The keyword arguments of `csv.reader`."""
        return {
            "delimiter": self.delimiter,
            "quoting": csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            "quotechar": self.quote or None,
            "doublequote": not self.escape,
            "escapechar": "\\" if self.escape else None,
            "skipinitialspace": self.spaced,
            "strict": strict,
        }


def find_dialect(text: str) -> Dialect:
    """The dialect that fits best; a first line `sep=;`, as Excel reads it, has the last word."""
    named = _SEP.match(text)
    start = named.end() if named else 0
    sample, whole = _sample(text, start)
    marks = named[1] if named else DELIMITERS
    best, most = Dialect(marks[0]), -1.0
    for dialect in _candidates(sample, marks):
        rows = _read(sample, dialect, whole)
        score = -1.0 if rows is None else _score(rows, dialect.delimiter)
        if score > most + 1e-9:
            best, most = dialect, score
    single = _single(sample, whole) if named is None else None
    if single is not None and single[1] > most:
        best = single[0]
    best = _confirmed(text, replace(best, start=start))
    return replace(best, comments=_comments(sample, best))


def lines_of(text: str, start: int = 0) -> Iterator[str]:
    """Lines with their ends, without a second copy of the text."""
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _sample(text: str, start: int) -> tuple[str, bool]:
    """The beginning of a text, up to a line's end, and whether that is all."""
    sample = text[start : start + _SAMPLE_CHARS]
    whole = start + _SAMPLE_CHARS >= len(text)
    return (sample if whole else sample[: sample.rfind("\n") + 1] or sample), whole


def _candidates(sample: str, marks: str) -> Iterator[Dialect]:
    for mark in marks:
        if mark in sample:
            yield Dialect(mark)
            variants = {
                f'{mark} "': Dialect(mark, spaced=True),
                '\\"': Dialect(mark, escape=True),
                "'": Dialect(mark, "'"),
                "\\'": Dialect(mark, "'", escape=True),
                mark: Dialect(mark, ""),
                f"\\{mark}": Dialect(mark, "", escape=True),
            }
            yield from (dialect for found, dialect in variants.items() if found in sample)
    if marks == DELIMITERS:
        yield Dialect(_BLANK, spaced=True)


def _read(sample: str, dialect: Dialect, whole: bool) -> list[list[str]] | None:
    """The first rows, None where quotes do not close; a sample may end within a quoted cell."""
    rows: list[list[str]] = []
    try:
        for row in islice(
            csv.reader(lines_of(sample), **dialect.options(strict=True)), _SAMPLE_ROWS
        ):
            rows.append(row)
    except csv.Error as error:
        if whole or not rows or "unexpected end" not in str(error):
            return None
    return rows


def _score(rows: Sequence[Sequence[str]], delimiter: str) -> float:
    """From 0 to 1: rows of equal width, times cells that look whole."""
    every = [row for row in rows if row and not row[0].startswith("#")] or [
        row for row in rows if row
    ]
    table = every if delimiter in ",;" and _is_prose(every) else _trimmed(every)
    width, count = Counter(map(len, table)).most_common(1)[0] if table else (1, 0)
    if width < 2:
        return 0.0
    cells = [cell for row in table[:_SCORED_ROWS] for cell in row]
    if delimiter == _BLANK and (count < len(every) or _typed_share(cells) < _NUMBERS):
        return 0.0
    quoted = sum(1 for cell in cells if _QUOTED.fullmatch(cell))
    tight = quoted >= min(len(table), _SCORED_ROWS) or all(map(_QUOTED.fullmatch, table[0]))
    goodness = sum(_goodness(cell, delimiter, tight) for cell in cells) / len(cells)
    return count / len(every) * count / len(table) * goodness


def _typed_share(cells: Sequence[str]) -> float:
    return sum(1 for cell in cells if kind(cell) in TYPED) / len(cells)


def _is_prose(rows: Sequence[Sequence[str]]) -> bool:
    """Whether cells after the first begin with a blank, as clauses of a sentence do."""
    later = [cell for row in rows for cell in row[1:] if cell]
    return sum(cell[0] == " " for cell in later) > _PROSE * len(later)


def _trimmed(rows: list[Sequence[str]]) -> list[Sequence[str]]:
    """Rows without narrower ones above and below, as titles and notes are."""
    if not rows:
        return rows
    width = Counter(map(len, rows)).most_common(1)[0][0]
    first, last = 0, len(rows)
    while first < min(_PREAMBLE, last) and len(rows[first]) < width:
        first += 1
    while len(rows) - last < _NOTES and last > first and len(rows[last - 1]) < width:
        last -= 1
    return rows[first:last] if last - first > 1 else rows


def _goodness(cell: str, delimiter: str, tight: bool) -> float:
    text = cell.strip()
    found = kind(text)
    if found not in {"mixed", "words"}:
        return 1.0 if text else 0.95
    if text[0] == '"' or '\\"' in text or (text[-1] == '"' and text.count('"') % 2):
        return 0.2
    if text[0] == "'" == text[-1] and _QUOTED.fullmatch(text) and (tight or "''" in text[1:-1]):
        return 0.3
    if any(other != delimiter and _REMAINS[other].search(text) for other in DELIMITERS):
        return 0.3
    return 0.6 if "\n" in text else 0.8


def _single(sample: str, whole: bool) -> tuple[Dialect, float] | None:
    """The dialect of a file of one column, and its score: high where marks are those of sentences."""
    for quote in ('"', "'", ""):
        dialect = Dialect(NONE, quote)
        rows = _read(sample, dialect, whole)
        if rows is None or (quote == "'" and not _all_quoted(sample)):
            continue
        cells = [row[0] for row in rows if row]
        marks = [mark for cell in cells for mark in _PROSE_MARK.finditer(cell)]
        torn = any(mark in cell for cell in cells for mark in "\t|^")
        blanks = sum(1 for mark in marks if mark[1] or mark[2])
        if quote and any(len(cell) > 1 and cell[0] == '"' for cell in cells):
            continue
        prose = not torn and blanks >= _PROSE * len(marks)
        return dialect, _SINGLE if prose else _SINGLE_TORN
    return None


def _all_quoted(sample: str) -> bool:
    lines = [line for line in sample.splitlines() if line]
    return all(_QUOTED.fullmatch(line) for line in lines)


def _confirmed(text: str, dialect: Dialect) -> Dialect:
    """The dialect, or the one without quotes where a quote far below the sample does not close."""
    try:
        for _ in csv.reader(lines_of(text, dialect.start), **dialect.options(strict=True)):
            pass
    except csv.Error:
        bare = replace(dialect, quote="", escape=False)
        return max((dialect, bare), key=lambda each: _regular_rows(text, each))
    return dialect


def _regular_rows(text: str, dialect: Dialect) -> int:
    """How many rows have the most frequent width."""
    widths: Counter[int] = Counter()
    try:
        for row in csv.reader(lines_of(text, dialect.start), **dialect.options()):
            widths[len(row)] += 1
    except csv.Error:
        return -1
    return max(widths.values(), default=0)


def _comments(sample: str, dialect: Dialect) -> int:
    """How many of the first rows are lines of comment, which are no cells whatever they hold."""
    rows = list(islice(csv.reader(lines_of(sample), **dialect.options()), _SAMPLE_ROWS))
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    place = 0
    while place < len(rows) and rows[place] and rows[place][0].startswith(("#", "%", "//")):
        if len(rows[place]) == width:
            break
        place += 1
    return place
