"""Paragraphs, lists, tables and notes of a Word document as HTML."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from data_prep.documents.formats.html.elements.lists import MARK
from data_prep.documents.formats.html.elements.tables import FIND
from data_prep.documents.formats.office.package import below, child, local, value
from data_prep.documents.formats.office.word_inline import Inline
from data_prep.documents.formats.office.word_styles import (
    Numbering,
    Style,
    Styles,
    paragraph_number,
)

_INTO = frozenset(
    (
        "body",
        "sdt",
        "sdtContent",
        "customXml",
        "ins",
        "moveTo",
        "smartTag",
        "document",
        "txbxContent",
    )
)
_MAX_SPAN = 100


class Body:
    """Writes the parts of a document in reading order; notes come last."""

    def __init__(
        self, styles: Styles, numbering: Numbering, notes: Mapping[tuple[str, str], Any]
    ) -> None:
        self.inline = Inline()
        self.undescribed = 0
        self.embedded = 0
        self._styles = styles
        self._numbering = numbering
        self._notes = notes
        self._depth = 0  # of lists
        self._code: list[str] = []
        self._shift = 0  # levels that headings go down below a title
        self._carried = ""  # text of paragraphs whose end was deleted

    def html(self, document: Any) -> str:
        """The whole document."""
        self._shift = int(any(self._style(p).title for p in below(document, "p")))
        pieces = [*self._blocks(document), self._end()]
        for number, key in enumerate(self.inline.notes, 1):
            note = self._notes.get(key)
            if note is not None:
                words = "".join(self._blocks(note)) + self._end()
                pieces.append(f"<p>[{number}] {words.removeprefix('<p>')}")
        return "".join(pieces)

    def _blocks(self, parent: Any) -> Iterable[str]:
        for part in parent:
            match local(part):
                case "p":
                    yield self._paragraph(part)
                    yield from self._boxes()
                case "tbl":
                    yield self._end() + self._table(part)
                case "altChunk":
                    self.embedded += 1
                case name if name in _INTO:
                    yield from self._blocks(part)

    def _boxes(self) -> Iterable[str]:
        while self.inline.boxes:
            box = self.inline.boxes.pop(0)
            yield from self._blocks(box)

    def _style(self, paragraph: Any) -> Style:
        return self._styles.of(value(child(paragraph, "pPr", "pStyle")) or self._styles.default)

    def _paragraph(self, paragraph: Any) -> str:
        style = self._style(paragraph)
        if style.contents:
            return ""
        before = self.inline.pictures
        text = self._carried + self.inline.html(paragraph)
        self._carried = ""
        if self.inline.pictures > before and "<img" not in text:
            self.undescribed += self.inline.pictures - before
        settings = child(paragraph, "pPr")
        if child(settings, "rPr", "del") is not None:
            self._carried = text
            return ""
        if style.code:
            self._code.append(text.replace("<br>", "\n"))
            return self._end_lists()
        if not text.strip():
            return self._end_code()
        return self._end_code() + self._written(text, style, settings)

    def _written(self, text: str, style: Style, settings: Any) -> str:
        outline = value(child(settings, "outlineLvl"))
        level = int(outline) + 1 if outline.isdigit() and int(outline) < 9 else style.heading
        number = paragraph_number(settings) or style.number
        mark = self._numbering.next_mark(number) if number else ""
        if style.title:
            return f"{self._end()}<h1>{text}</h1>"
        if level:
            level = min(level + self._shift, 6)
            label = f"{escape(mark)} " if mark not in ("", "-") else ""
            return f"{self._end()}<h{level}>{label}{text}</h{level}>"
        if number and mark:
            return self._lists(number[1] + 1) + f'<li {MARK}="{escape(mark)}">{text}'
        return f"{self._end_lists()}<p>{text}</p>"

    def _lists(self, depth: int) -> str:
        """Open or close lists until there are so many."""
        change = depth - self._depth
        self._depth = depth
        return "<ul>" * change if change > 0 else "</ul>" * -change

    def _end_lists(self) -> str:
        return self._lists(0)

    def _end_code(self) -> str:
        code, self._code = "\n".join(self._code), []
        return f"<pre>\n{code}</pre>" if code.strip() else ""

    def _end(self) -> str:
        return self._end_code() + self._end_lists()

    def _table(self, table: Any) -> str:
        rows = [row for row in _rows(table) if child(row, "trPr", "del") is None]
        depth, self._depth = self._depth, 0
        written = "".join(self._row(rows, at) for at in range(len(rows)))
        self._depth = depth
        return f"<table {FIND}>{written}</table>"

    def _row(self, rows: list[Any], at: int) -> str:
        names = child(rows[at], "trPr", "tblHeader")
        head = names is not None and value(names) not in ("0", "false") and len(rows) > 1
        tag = "th" if head else "td"
        cells, column = [], 0
        for cell in _cells(rows[at]):
            wide = _span(cell)
            merged = child(cell, "tcPr", "vMerge")
            if merged is None or value(merged) == "restart":
                high = self._height(rows, at, column) if merged is not None else 1
                content = "".join(self._blocks(cell)) + self._end()
                cells.append(f'<{tag} colspan="{wide}" rowspan="{high}">{content}</{tag}>')
            column += wide
        return f"<tr>{''.join(cells)}</tr>"

    def _height(self, rows: list[Any], at: int, column: int) -> int:
        """How many rows a cell goes down, of which it begins the first."""
        high = 1
        for row in rows[at + 1 : at + _MAX_SPAN]:
            if not _goes_on(row, column):
                break
            high += 1
        return high


def _rows(table: Any) -> Iterable[Any]:
    for part in table:
        if local(part) == "tr":
            yield part
        elif local(part) in _INTO:
            yield from _rows(part)


def _cells(row: Any) -> Iterable[Any]:
    for part in row:
        if local(part) == "tc":
            yield part
        elif local(part) in _INTO:
            yield from _cells(part)


def _span(cell: Any) -> int:
    wide = value(child(cell, "tcPr", "gridSpan"))
    return min(max(int(wide), 1), _MAX_SPAN) if wide.isdigit() else 1


def _goes_on(row: Any, column: int) -> bool:
    """Whether the cell in a column goes on with that of the row above."""
    at = 0
    for cell in _cells(row):
        if at == column:
            merged = child(cell, "tcPr", "vMerge")
            return merged is not None and value(merged) != "restart"
        at += _span(cell)
        if at > column:
            break
    return False
