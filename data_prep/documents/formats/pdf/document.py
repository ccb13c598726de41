"""A PDF as Markdown: its pages are read, put in order, and written as blocks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.parsed import Parsed, ParseError, clean
from data_prep.documents.formats.pdf.flow import Placed, make_blocks, mark_contents
from data_prep.documents.formats.pdf.furniture import remove_furniture
from data_prep.documents.formats.pdf.grids import goes_on, take_tables
from data_prep.documents.formats.pdf.header_rows import finish
from data_prep.documents.formats.pdf.headings import Headings, body_size
from data_prep.documents.formats.pdf.hyphens import Hyphens
from data_prep.documents.formats.pdf.page.columns import regions
from data_prep.documents.formats.pdf.page.extras import attachments, metadata_title, outline
from data_prep.documents.formats.pdf.page.lines import make_lines
from data_prep.documents.formats.pdf.page.reader import opened, read_pages
from data_prep.documents.formats.pdf.page.shapes import Line, OutlineEntry, Page, Piece
from data_prep.documents.formats.pdf.tables import Table, find_tables, join_marks
from data_prep.documents.formats.pdf.text import write
from data_prep.documents.formats.pdf.titles import largest_line
from data_prep.documents.formats.titles import is_placeholder

_MONO_BODY = 0.5  # share of letters above which a typewriter's font is the ordinary one
_OCR = "run OCR first, or set ingest.pdf_parser=docling"


@dataclass(slots=True)
class _Lines:
    """A page's lines in the order of reading; `starts` are those at the head of a column."""

    page: Page
    lines: list[Line]
    starts: set[int]
    tables: dict[int, Table]  # drawn as grids, by the line in whose place they stand


def parse_pdf(data: bytes) -> Parsed:
    """Every page's text; ParseError for a PDF that is damaged, locked, or holds nothing to read."""
    with opened(data) as (raw, document):
        title = clean(metadata_title(raw, document)).strip()
        entries = [(clean(name), level, page) for name, level, page in outline(raw, document)]
        attached = list(attachments(raw, document))
        read = list(read_pages(raw, document))
    pages = [page for page in read if page is not None]
    notices = (*attached, *_lost(pages, len(read)))
    _refuse_unreadable(pages, len(read))
    remove_furniture(pages)
    text, offsets, largest = write_pages(pages, entries)
    if is_placeholder(title):
        title = "" if is_placeholder(largest) else largest
    return Parsed(title, text, offsets, {"pages": len(read)}, markdown=True, notices=notices)


def _refuse_unreadable(pages: Sequence[Page], count: int) -> None:
    if any(page.pieces or page.asides for page in pages):
        return
    if not pages:
        raise ParseError("PDF is damaged: none of its pages can be read")
    if any(page.garbage for page in pages):
        raise ParseError(f"holds no readable text (its fonts have no Unicode map: {_OCR})")
    raise ParseError(f"holds no text ({count} pages, probably scanned images: {_OCR})")


def _lost(pages: Sequence[Page], count: int) -> Iterator[Notice]:
    """What of the pages is not searched."""
    scanned = sum(page.pictures and not page.pieces and not page.garbage for page in pages)
    garbage = sum(page.garbage for page in pages)
    if scanned:
        hold = "holds" if scanned == 1 else "hold"
        why = f"no text (pictures or scans): {_OCR}"
        yield Notice("pages without text", f"{scanned} of {count} pages {hold} {why}")
    if garbage:
        why = f"cannot be read, their fonts have no Unicode map: {_OCR}"
        yield Notice("unreadable pages", f"{garbage} of {count} pages {why}")
    if count > len(pages):
        yield Notice("damaged pages", f"{count - len(pages)} of {count} pages are damaged")


def write_pages(
    pages: Sequence[Page], entries: Sequence[OutlineEntry]
) -> tuple[str, tuple[tuple[int, int], ...], str]:
    """The text, its pages, and the largest line of the first page."""
    read = [_in_order(page) for page in pages]
    lines = [line for page in read for line in _all(page)]
    body = body_size(lines)
    letters = sum(len(line.text) for line in lines)
    mono = sum(len(line.text) for line in lines if line.mono)
    with_code = mono < letters * _MONO_BODY
    headings = Headings(lines, entries)
    placed = [_placed(page) for page in read]
    for of_page in placed:
        mark_contents(of_page)
        headings.mark_outline(of_page)
    for of_page in placed:
        headings.mark_fonts(of_page)
    items = list(_with_tables(read, placed, with_code))
    blocks = make_blocks(items, body, with_code)
    text, offsets = write(blocks, Hyphens(text for line in lines for text in line.text.split("\n")))
    return text, offsets, largest_line(read[0].lines, body) if read else ""


def _in_order(page: Page) -> _Lines:
    lines: list[Line] = []
    starts: set[int] = set()
    tables = {id(place): table for place, table in take_tables(page)}
    for region in regions(page.pieces, page.rules):
        starts.add(len(lines))
        lines.extend(part for line in make_lines(region) for part in _parted(line, tables))
    for line in lines:
        join_marks(line)
    by_line = {
        id(line): tables[id(line.pieces[0])] for line in lines if id(line.pieces[0]) in tables
    }
    return _Lines(page, lines, starts, by_line)


def _all(page: _Lines) -> Iterator[Line]:
    """The lines of a page and those of its tables."""
    for line in page.lines:
        table = page.tables.get(id(line))
        yield from table.lines if table else (line,)


def _parted(line: Line, tables: Mapping[int, Table]) -> list[Line]:
    """A line, with what stands in the place of a table as a line of its own."""
    places = [piece for piece in line.pieces if id(piece) in tables]
    others = [piece for piece in line.pieces if id(piece) not in tables]
    if not places:
        return [line]
    return [replace(line, pieces=part) for part in (others, *([place] for place in places)) if part]


def _placed(page: _Lines) -> list[Placed]:
    return [
        Placed(line, page.page.number, breaks=at in page.starts)
        for at, line in enumerate(page.lines)
    ]


def _with_tables(
    read: Sequence[_Lines], placed: Sequence[Sequence[Placed]], with_code: bool
) -> Iterator[Placed | Table]:
    """Lines in the order of reading, with tables in place of theirs."""
    before: Table | None = None
    for page, of_page in zip(read, placed, strict=True):
        found = _found(page, of_page, with_code, before)
        for at, item in enumerate(found):
            if not isinstance(item, Table):
                yield item
            elif at == 0 and before is not None and (item is before or goes_on(before, item)):
                found[0] = before
            else:
                finish(item)
                yield item
        before = found[-1] if found and isinstance(found[-1], Table) else None
        yield from _asides(page.page)


def _found(
    page: _Lines, of_page: Sequence[Placed], with_code: bool, before: Table | None
) -> list[Placed | Table]:
    """The lines and tables of a page; first `before` if it goes on there."""
    found: list[Placed | Table] = []
    part: list[Placed] = []
    for item in [*of_page, None]:
        table = page.tables.get(id(item.line)) if item else None
        if item and table is None:
            part.append(item)
            continue
        found += _by_whitespace(part, with_code, None if found else before)
        part = []
        if table is not None:
            found.append(table)
    return found


def _by_whitespace(
    part: Sequence[Placed], with_code: bool, before: Table | None
) -> Iterator[Placed | Table]:
    if not part:
        return
    by_line = {id(item.line): item for item in part}
    free = [not (item.level or (with_code and item.line.mono) or item.contents) for item in part]
    lines = [item.line for item in part]
    if before is not None and before.ruled:
        before = None
    for found in find_tables(lines, part[0].page, free, before):
        yield found if isinstance(found, Table) else by_line[id(found)]


def _asides(page: Page) -> Iterator[Placed]:
    """Turned text and comments, each as a line of its own below the page."""
    for at, text in enumerate(page.asides):
        piece = Piece(text, 0.0, 1.0, -1000.0 * (at + 1), 0.5)
        yield Placed(Line([piece], 0.0, 1.0), page.number)
