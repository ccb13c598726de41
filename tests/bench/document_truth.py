"""What stands in a document, read without our parsers.

Words and pages of a PDF by poppler's `pdftotext`, its headings from the outline by `pdftohtml`; HTML by
lxml and a generator's XPaths; sheets by openpyxl; CSV by `csv`.
"""

import csv
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import unescape
from itertools import islice
from pathlib import Path
from typing import Any

from tests.bench.document_measures import Row, body_of, squeezed
from tests.bench.document_sets import GENERATORS, Html

_PROGRAMS = ("pdftotext", "pdftohtml")
_BLOCKS = frozenset((
    "address", "article", "blockquote", "body", "br", "button", "caption", "center", "dd", "details", "div",
    "dl", "dt", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "label",
    "li", "main", "ol", "option", "p", "pre", "section", "select", "summary", "table", "tbody", "td", "th",
    "thead", "tr", "ul",
))  # fmt: skip
_HEADINGS = "|".join(f".//h{level}" for level in range(1, 7))
_ITEM = re.compile(r"<item page=\"\d+\">(.*?)</item>")
_SIGN = re.compile(r"\s*[\u00b6\u00a7\uf0c1\u2693]+\s*$")
# of a table every so many rows, so that long ones do not take all the time
MOST_ROWS = 200
# a row of more words may not fit into a chunk
_LONGEST_ROW = 120
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Truth:
    """`text` is what has to be found, `pages` the text of each page of a PDF.

    `titles` are the first heading and the `<title>` of an HTML page.
    """

    text: str
    headings: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    pages: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()


def missing_program() -> str:
    """The first of poppler's programs that is not installed; empty when all are."""
    return next((name for name in _PROGRAMS if shutil.which(name) is None), "")


def read_pdf(path: Path, tables: Sequence[Path]) -> Truth:
    """Words, pages and outline of a PDF; rows from other files of its package."""
    pages = _pages(path)
    text = "\n".join(pages)
    outline = _ITEM.findall(_run("pdftohtml", "-xml", "-i", "-l", "1", "-stdout", str(path)))
    inside = squeezed(text)
    known = [_unescaped(title) for title in outline]
    headings = tuple(title for title in known if title.strip() and squeezed(title) in inside)
    rows = [row for table in tables for row in _rows_of(table) if _is_inside(row, inside)]
    return Truth(body_of(pages, _pages(path, "-layout")), headings, tuple(_sampled(rows)), pages)


def read_html(data: bytes, generator: str) -> Truth:
    """Words, headings and rows of data tables in the content of an HTML page."""
    from lxml import html

    where = GENERATORS[generator]
    page = html.fromstring(data)
    titles = [shown(node) for node in page.xpath("//title")[:1]]
    content = _content(page, where)
    headings = [_SIGN.sub("", shown(node)) for node in content.xpath(_HEADINGS)]
    headings = [heading for heading in headings if heading]
    rows = [row for table in content.iter("table") for row in table_rows(table)]
    text = shown(content, lines=True)
    return Truth(text, tuple(headings), tuple(_sampled(rows)), titles=(*titles, *headings[:1]))


def read_sheets(path: Path, headers: dict[str, tuple[int, ...]] | None) -> Truth:
    """Values of a workbook; rows of the sheets whose header rows (from 1) are given, `*` for any sheet."""
    import openpyxl

    book = openpyxl.load_workbook(path, data_only=True, read_only=True)
    texts, rows = [], []
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # some writers say that there is one cell
        values = [list(line) for line in sheet.iter_rows(values_only=True)]
        texts += [value for line in values for value in line if isinstance(value, str)]
        known = headers or {}
        numbers = known.get(sheet.title, known.get("*", ()))
        rows += _sampled(list(_sheet_rows(values, numbers))) if numbers else []
    return Truth("\n".join(texts), rows=tuple(rows))


def read_csv(path: Path) -> Truth:
    """Words and rows of a CSV file with commas whose first line names the columns."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        table = list(csv.reader(lines))
    rows = list(_plain_rows(table[0], table[1:]))
    return Truth("\n".join(" ".join(line) for line in table), rows=tuple(_sampled(rows)))


def shown(node: Any, lines: bool = False) -> str:
    """The text of a node as a reader sees it: blocks apart, what is inside a line joined."""
    text = "".join(_pieces(node))
    kept = [" ".join(line.split()) for line in text.split("\n")]
    return ("\n" if lines else " ").join(line for line in kept if line)


def table_rows(table: Any) -> Iterator[Row]:
    """Rows under header rows of `th`; nothing of tables within tables or without a header."""
    if table.xpath(".//table") or table.get("role") == "presentation":
        return
    lines = table.xpath("./tr|./thead/tr|./tbody/tr|./tfoot/tr")
    count = 0
    for line in lines:
        if not len(line) or any(cell.tag != "th" for cell in line if isinstance(cell.tag, str)):
            break
        count += 1
    if not count or count == len(lines):
        return
    grid = _grid(lines, count)
    for line in grid[count:]:
        cells = list(line)
        names = [_names(grid[:count], at) for at in range(len(cells))]
        yield from _row(names, [(cell,) if cell else () for cell in cells])


def _content(page: Any, where: Html) -> Any:
    found = page.xpath(where.content)
    content = found[0] if found else page
    for node in content.xpath(where.without) if where.without else ():
        if node.getparent() is not None:
            node.drop_tree()
    for node in content.xpath(".//script|.//style|.//head|.//template|.//noscript|.//svg"):
        node.drop_tree()
    return content


def _pieces(node: Any) -> Iterator[str]:
    if not isinstance(node.tag, str):
        return
    around = "\n" if node.tag in _BLOCKS else ""
    yield around + (node.text or "")
    for child in node:
        yield from _pieces(child)
        yield child.tail or ""
    yield around


def _grid(lines: Sequence[Any], headers: int) -> list[list[str]]:
    """The cells of each line, those that span several lines in each; wide headers name every column."""
    grid: list[dict[int, str]] = [{} for _ in lines]
    for at, line in enumerate(lines):
        column = 0
        for cell in line.xpath("./td|./th"):
            while column in grid[at]:
                column += 1
            wide, high = _span(cell, "colspan"), _span(cell, "rowspan")
            filled = wide if at < headers else 1
            for below in range(at, min(at + high, len(lines))):
                grid[below].update(dict.fromkeys(range(column, column + wide), ""))
                grid[below].update(dict.fromkeys(range(column, column + filled), shown(cell)))
            column += wide
    return [[line.get(at, "") for at in range(max(line, default=-1) + 1)] for line in grid]


def _span(cell: Any, name: str) -> int:
    value = cell.get(name, "1")
    return min(max(int(value), 1), 1000) if value.isdecimal() else 1


def _names(header: Sequence[Sequence[str]], at: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line[at] for line in header if at < len(line) and line[at]))


def _row(names: Sequence[tuple[str, ...]], cells: Sequence[tuple[str, ...]]) -> Iterator[Row]:
    filled = [(name, ways) for name, ways in zip(names, cells, strict=False) if ways]
    size = sum(len(ways[0].split()) for _, ways in filled)
    if len(filled) > 1 and size <= _LONGEST_ROW:
        yield Row(
            tuple(dict.fromkeys(one for name, _ in filled for one in name)),
            tuple(ways for _, ways in filled),
        )


def _sheet_rows(values: Sequence[Sequence[Any]], headers: Sequence[int]) -> Iterator[Row]:
    lines = [[_ways(value)[0] if value is not None else "" for value in line] for line in values]
    top = [lines[number - 1] for number in headers]
    for line in values[max(headers) :]:
        names = [_names(top, at) for at in range(len(line))]
        yield from _row(names, [_ways(value) for value in line])


def _plain_rows(header: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[Row]:
    names = [(name,) if name else () for name in header]
    for line in lines:
        yield from _row(names, [(cell,) if cell.strip() else () for cell in line])


def _ways(value: Any) -> tuple[str, ...]:
    """How a cell may be shown; what is right for a date or a number is not ours to say here."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    if isinstance(value, datetime):
        return (value.date().isoformat(), value.strftime("%d.%m.%Y"), value.strftime("%m/%d/%Y"))
    if isinstance(value, bool):
        return (str(value), str(value).upper())
    if isinstance(value, float):
        short = (f"{value:g}", f"{value:.2f}", f"{100 * value:g}%", f"{value:.10g}")
        return (str(value), *short, *([str(int(value))] if value.is_integer() else []))
    return (str(value),)


@cache
def _rows_of(path: Path) -> tuple[Row, ...]:
    if path.suffix == ".csv":
        return read_csv(path).rows
    return read_html(path.read_bytes(), "DocBook XSL").rows


def _is_inside(row: Row, text: str) -> bool:
    return all(squeezed(name) in text for name in row.headers) and all(
        squeezed(ways[0]) in text for ways in row.cells
    )


def _sampled(rows: Sequence[Row]) -> list[Row]:
    return list(islice(rows, 0, None, max(1, -(-len(rows) // MOST_ROWS))))


def _pages(path: Path, *options: str) -> tuple[str, ...]:
    text = _run("pdftotext", "-enc", "UTF-8", *options, str(path), "-")
    return tuple(text.split("\f")[:-1])


def _unescaped(text: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", text)).split())


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    return done.stdout.decode("utf-8", "replace")
