"""Blocks to Markdown, with the offset at which each page begins."""

import re
from collections.abc import Iterable, Iterator, Sequence

from data_prep.documents.formats.pdf.flow import Block, Placed, without_leader
from data_prep.documents.formats.pdf.hyphens import Hyphens
from data_prep.documents.formats.pdf.tables import Table
from data_prep.documents.formats.tables.rows import paragraphs

# what Markdown would take for a heading, a fence or an underline of one
_STRUCTURE = re.compile(r"^ {0,3}(?=#{1,6}(?:\s|$)|`{3}|~{3}|(?:=+|-+)\s*$)", re.MULTILINE)
_MAX_TAIL = 2_000  # of an address over several lines
_BACKTICKS = re.compile(r"`{3,}")
Part = tuple[int, str]
"""(page, text): texts of one block stand behind one another."""


def write(blocks: Iterable[Block], hyphens: Hyphens) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text of a document and its (page, offset) pairs."""
    texts: list[str] = []
    pages: list[tuple[int, int]] = []
    offset = 0
    for block in blocks:
        for page, text in _parts(block, hyphens):
            if not pages or page > pages[-1][0]:
                pages.append((page, offset))
            texts.append(text)
            offset += len(text)
    return "".join(texts).rstrip(), tuple(pages)


def _parts(block: Block, hyphens: Hyphens) -> Iterator[Part]:
    if block.table is not None:
        yield from _rows(block.table, hyphens)
    elif block.kind == "code":
        yield from _code(block.lines)
    elif block.kind == "contents":
        for placed in block.lines:
            yield placed.page, plain(without_leader(placed.line.text)) + "\n"
        yield block.lines[-1].page, "\n"
    else:
        mark = "#" * block.lines[0].level + " " if block.lines[0].level else ""
        parts = _joined(block.lines, hyphens)
        parts[0] = parts[0][0], (mark or "") + (parts[0][1] if mark else plain(parts[0][1]))
        yield from parts
        yield parts[-1][0], "\n\n"


def plain(text: str) -> str:
    """Text no line of which is structure in Markdown: four blanks make it ordinary."""
    return _STRUCTURE.sub("    ", text)


def _joined(lines: Sequence[Placed], hyphens: Hyphens) -> list[Part]:
    """The lines of a paragraph as one, a part for each page.

    Only the last word is looked at when the next line is put to it: a paragraph may be a whole book.
    """
    parts: list[tuple[int, list[str]]] = [(lines[0].page, [])]
    tail, tail_page = "", lines[0].page
    for placed in lines:
        line = " ".join(without_leader(placed.line.text).split())
        if not line:
            continue
        text = hyphens.join(tail, line) if tail else line
        done, last = len(text) - len(line), line.rfind(" ") + 1
        if last == 0 and placed.page == tail_page and len(text) < _MAX_TAIL:
            tail = text
            continue
        parts[-1][1].append(text[:done])
        if placed.page != parts[-1][0]:
            parts.append((placed.page, []))
        parts[-1][1].append(line[:last])
        tail, tail_page = line[last:], placed.page
    parts[-1][1].append(tail)
    return [(page, text) for page, texts in parts if (text := "".join(texts))] or [(tail_page, "")]


def _rows(table: Table, hyphens: Hyphens) -> Iterator[Part]:
    rows = [[_cell(cell, hyphens) for cell in row] for row in table.rows]
    count = table.header_rows
    skipped = count if count is not None else _guessed(rows)
    pages = iter(table.pages[skipped:])
    for text in paragraphs(rows, count):
        page = next(pages, table.pages[-1])
        label, _, value = text.partition("\n")
        if label.endswith(":") and value and "\n" not in value and not count:
            text = f"{label} {value}"
        yield page, plain(text) + "\n\n"


def _cell(cell: str, hyphens: Hyphens) -> str:
    """The lines of a cell as one; each is put to the last word before it."""
    done: list[str] = []
    tail = ""
    for line in filter(None, map(str.strip, cell.split("\n"))):
        text = hyphens.join(tail, line) if tail else line
        last = text.rfind(" ") + 1
        done.append(text[:last])
        tail = text[last:]
    return "".join([*done, tail])


def _guessed(rows: Sequence[Sequence[str]]) -> int:
    """How many rows `paragraphs` takes for the header when it must find out."""
    return int(len(list(paragraphs(rows))) < len(rows))


def _code(lines: Sequence[Placed]) -> Iterator[Part]:
    """Lines as they stand, indented by their distance from the leftmost one."""
    left = min(placed.line.x0 for placed in lines)
    drawn = [_spaced(placed, left) for placed in lines]
    longest = max((len(run) for text in drawn for run in _BACKTICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    yield lines[0].page, fence + "\n"
    for at, (placed, text) in enumerate(zip(lines, drawn, strict=True)):
        before = lines[at - 1].line if at else None
        gap = before.y - placed.line.y if before and not placed.breaks else 0
        yield placed.page, ("\n" if gap > 1.9 * placed.line.size else "") + text + "\n"
    yield lines[-1].page, fence + "\n\n"


def _spaced(placed: Placed, left: float) -> str:
    """A line of code with as many blanks as its gaps are wide."""
    line = placed.line
    letters = sum(len(piece.text) for piece in line.pieces)
    width = sum(piece.x1 - piece.x0 for piece in line.pieces) / max(letters, 1) or 1.0
    text = ""
    for piece in line.pieces:
        blanks = round((piece.x0 - left) / width) - len(text)
        text += " " * min(max(blanks, 1 if text else 0), 200) + piece.text
    return text
