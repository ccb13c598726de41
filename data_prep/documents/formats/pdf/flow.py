"""Lines to blocks: headings, paragraphs, code and tables, over the ends of columns and pages."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from data_prep.documents.formats.pdf.page.shapes import Line
from data_prep.documents.formats.pdf.tables import Table

ITEM = re.compile(r"([•▪●○◦‣∙·–—*+-]|\(?(\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]|\[\d{1,3}\])\s")
_PAGE_NUMBER = re.compile(r"(?:[A-Z\d]{1,4}[-–.])?(?:\d{1,4}|[ivxlc]{1,6})$")
_DOTS = " .․‥…·"
_NUMBERED = re.compile(
    r"(?:chapter|part|appendix|section|kapitel)?\s*[\dA-Z]{1,3}(?:[.]\d+)*[.:]?\s", re.IGNORECASE
)
_CONTENTS_PAGE = 4  # lines with leaders on a page
_MIN_DOTS = 4  # before a page number; twice as many where there is none
_ENDS = re.compile(r"[.!?:;。！？][\"'”’)\]»]*$")


Kind = Literal["heading", "text", "code", "contents", "table", "note"]


@dataclass(slots=True)
class Placed:
    """A line with its page, and whether it begins a new column or page."""

    line: Line
    page: int
    level: int = 0  # of a heading; 0 for other text
    joins: bool = False  # more of the heading above
    contents: bool = False  # of a table of contents, or of an index with dots
    breaks: bool = False


@dataclass(slots=True)
class Block:
    """What stands between two blank lines."""

    kind: Kind
    lines: list[Placed] = field(default_factory=list)
    table: Table | None = None

    @property
    def page(self) -> int:
        return self.table.pages[0] if self.table and self.table.pages else self.lines[0].page


def without_leader(text: str) -> str:
    """A line of a table of contents without its dots and its page."""
    if "." not in text and "…" not in text and "·" not in text and "․" not in text:
        return text
    whole = text.rstrip()
    number = _PAGE_NUMBER.search(whole[-12:])
    head = whole[: len(whole) - len(number[0])] if number else whole
    title = head.rstrip(_DOTS)
    dots = sum(2 if sign in "‥…" else 1 for sign in head[len(title) :] if sign != " ")
    least = 2 * _MIN_DOTS if not number else 2 if " . ." in head[-6:] else _MIN_DOTS
    return title if title and dots >= least else text


def mark_contents(placed: Sequence[Placed]) -> None:
    """Tell lines with leaders, and on a page of them also lines that end with a page number."""
    for item in placed:
        text = item.line.text
        item.contents = len(without_leader(text)) < len(text.rstrip())
    if sum(item.contents for item in placed) >= _CONTENTS_PAGE or _lists_pages(placed):
        for item in placed:
            if len(item.line.pieces) > 1 and _PAGE_NUMBER.fullmatch(item.line.pieces[-1].text):
                item.line.pieces.pop()
                item.contents = True


def _lists_pages(placed: Sequence[Placed]) -> bool:
    """Whether lines are numbered titles, far from which pages stand that never go back."""
    lines = [item.line for item in placed if len(item.line.pieces) > 1]
    pages = [int(line.pieces[-1].text) for line in lines if line.pieces[-1].text.isdecimal()]
    numbered = sum(bool(_NUMBERED.match(line.text)) for line in lines)
    return (
        len(pages) > _CONTENTS_PAGE and len(pages) > 0.8 * len(lines) and pages == sorted(pages)
        and numbered > 0.6 * len(lines)
    )  # fmt: skip


def make_blocks(items: Iterable[Placed | Table], body: float, with_code: bool) -> list[Block]:
    """Blocks in the order of reading; `body` is the size of ordinary text."""
    blocks: list[Block] = []
    for item in items:
        if isinstance(item, Table):
            if not (blocks and blocks[-1].table is item):
                blocks.append(Block("table", table=item))
            continue
        last = blocks[-1] if blocks else None
        kind = _kind(item, body, with_code)
        if last is not None and last.kind == kind and last.lines and _follows(last, item, kind):
            last.lines.append(item)
        else:
            whole = _unfinished(blocks, item) if kind == "text" else None
            if whole is not None:
                whole.lines.append(item)
            else:
                blocks.append(Block(kind, [item]))
    return blocks


def _kind(item: Placed, body: float, with_code: bool) -> Kind:
    if item.level:
        return "heading"
    if item.contents:
        return "contents"
    if with_code and item.line.mono:
        return "code"
    return "note" if item.line.size < body * 0.9 else "text"


def _follows(block: Block, item: Placed, kind: str) -> bool:
    """Whether a line goes on with the block before it."""
    last = block.lines[-1]
    if kind == "heading":
        return item.joins
    if kind in ("code", "contents"):
        return True
    if ITEM.match(item.line.text):
        return False
    if item.breaks:
        return _runs_over(last.line, item.line)
    return not _begins(block, last.line, item.line)


def _begins(block: Block, last: Line, line: Line) -> bool:
    """Whether a line begins a paragraph: after a gap, with an indent, or after a short line."""
    size = max(line.size, 1.0)
    gap = last.y - line.y
    inside = len(block.lines) > 1 and not block.lines[-1].breaks
    usual = block.lines[-2].line.y - last.y if inside else line.leading
    if (
        gap > (usual * 1.25 + 0.5 if usual > 0 else 1.75 * size)
        or abs(last.size - line.size) > 0.15 * size
    ):
        return not (usual > 0 and gap <= 1.3 * size)
    first = block.lines[0].line
    hanging = ITEM.match(first.text) or (first.x0 < line.x0 - 0.5 * size and len(block.lines) > 1)
    indented = line.x0 - last.x0 > 0.9 * size and line.x0 - last.x0 < 6 * size
    out = last.x0 - line.x0 > 0.9 * size and len(block.lines) > 1
    ends = bool(_ENDS.search(last.text))
    lower = line.text[:1].islower()
    if indented and not hanging and len(block.lines) > 0 and (ends or not lower):
        return ends or len(block.lines) > 1
    if out and (ends or not lower):
        return True
    room = last.right - last.x1 - _first_word(line)
    return room > 0.5 * size and not lower and (ends or room > 0.25 * (last.right - last.left))


def _first_word(line: Line) -> float:
    """About how wide the first word of a line is, with the blank before it."""
    text = line.text
    return (len(text.split(" ", 1)[0]) + 1) * (line.x1 - line.x0) / max(len(text), 1)


def _runs_over(last: Line, line: Line) -> bool:
    """Whether a sentence goes on in the next column or on the next page."""
    if abs(last.size - line.size) > 0.1 * line.size or ITEM.match(line.text):
        return False
    lower = not line.text[:1].isupper()
    full = last.x1 > last.right - 0.2 * (last.right - last.left)
    if _ENDS.search(last.text):
        return line.text[:1].islower() and last.text[-1] not in ":;" and full
    return lower or full


def _unfinished(blocks: list[Block], item: Placed) -> Block | None:
    """The paragraph that a line at the head of a page goes on with, past the footnotes between."""
    if not item.breaks:
        return None
    for at in range(len(blocks) - 1, max(len(blocks) - 9, -1), -1):
        block = blocks[at]
        if block.kind == "text":
            last = block.lines[-1]
            if item.page - last.page > 1 or not _runs_over(last.line, item.line):
                return None
            blocks.append(blocks.pop(at))  # footnotes stand before it, on their page
            return block
        if block.kind != "note":
            return None
    return None
