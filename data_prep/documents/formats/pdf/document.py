"""A PDF as Markdown: its pages are read, put in order, and written as blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.parsed import Parsed, ParseError, clean
from data_prep.documents.formats.pdf.flow import Placed, make_blocks, mark_contents
from data_prep.documents.formats.pdf.furniture import remove_furniture
from data_prep.documents.formats.pdf.grids import mark_rows
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
    text, offsets, largest = _write(pages, entries)
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


def _write(
    pages: Sequence[Page], entries: Sequence[OutlineEntry]
) -> tuple[str, tuple[tuple[int, int], ...], str]:
    """The text, its pages, and the largest line of the first page."""
    read = [_in_order(page) for page in pages]
    lines = [line for page in read for line in page.lines]
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
    items = _with_tables(read, placed, with_code)
    blocks = make_blocks(items, body, with_code)
    text, offsets = write(blocks, Hyphens(line.text for line in lines))
    return text, offsets, largest_line(read[0].lines, body) if read else ""


def _in_order(page: Page) -> _Lines:
    lines: list[Line] = []
    starts: set[int] = set()
    for region in regions(page.pieces, page.rules):
        starts.add(len(lines))
        lines.extend(make_lines(region))
    for line in lines:
        join_marks(line)
    return _Lines(page, lines, starts)


def _placed(page: _Lines) -> list[Placed]:
    return [
        Placed(line, page.page.number, breaks=at in page.starts)
        for at, line in enumerate(page.lines)
    ]


def _with_tables(
    read: Sequence[_Lines], placed: Sequence[Sequence[Placed]], with_code: bool
) -> Iterator[Placed | Table]:
    """Lines in the order of reading, with tables in place of theirs."""
    tables: list[Table] = []
    items: list[Placed | Table] = []
    before: Table | None = None
    for page, of_page in zip(read, placed, strict=True):
        by_line = {id(item.line): item for item in of_page}
        free = [
            not (item.level or (with_code and item.line.mono) or item.contents) for item in of_page
        ]
        lines = [item.line for item in of_page]
        mark_rows(lines, page.page.rules)
        found = find_tables(lines, page.page.number, free, before)
        for item in found:
            items.append(item if isinstance(item, Table) else by_line[id(item)])
            if isinstance(item, Table) and item is not before:
                finish(item)
                tables.append(item)
        before = found[-1] if found and isinstance(found[-1], Table) else None
        items.extend(_asides(page.page))
    return iter(items)


def _asides(page: Page) -> Iterator[Placed]:
    """Turned text and comments, each as a line of its own below the page."""
    for at, text in enumerate(page.asides):
        piece = Piece(text, 0.0, 1.0, -1000.0 * (at + 1), 0.5)
        yield Placed(Line([piece], 0.0, 1.0), page.number)
