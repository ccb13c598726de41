"""Pipe tables inside Markdown text, spelled out row by row (GitHub Flavored Markdown, "Tables").

What looks like a table inside a fence, an indented code block or `<pre>` is code and stays.
"""

import re
from collections.abc import Iterator, Sequence

from data_prep.documents.formats.tables.rows import paragraphs

_DELIMITERS = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_QUOTES = re.compile(r"(?: {0,3}> ?)*")
_ITEM = re.compile(r"([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+(?=\S)")
_FENCE = re.compile(r"[ \t]*(`{3,}(?=[^`]*$)|~{3,})")
# what ends a table though no blank line does: another block
_BLOCK = re.compile(r"#{1,6}[ \t]|>|(?:[-*+]|\d{1,9}[.)])[ \t]+\S|<[a-z!/]|```|~~~", re.IGNORECASE)
_BREAK = re.compile(r"<br\s{0,9}/?>", re.IGNORECASE)
_PIPE = re.compile(r"(?<!\\)\|")
_CODE_INDENT = 4


def spell_out_tables(text: str) -> str:
    """The text with every pipe table as one paragraph a row, of "column: value" lines.

    A table in a quote or a list item stands below it. A header without a word, as converters write it
    for tables that have none, is looked for in the rows.
    """
    if "|" not in text:
        return text
    lines = text.split("\n")
    code = _Code()
    out: list[str] = []
    place = 0
    while place < len(lines):
        inside = code.holds(lines[place])
        end = place if inside else _table_end(lines, place, code.item)
        if end > place:
            _separate(out)
            out.append("\n\n".join(_rows(lines[place:end])))
            if end < len(lines) and lines[end].strip():
                out.append("")
            place = end
        else:
            out.append(lines[place])
            place += 1
    return "\n".join(out)


class _Code:
    """Whether a line, told in order, is inside code; and how far the current list item is indented."""

    def __init__(self) -> None:
        self.item = 0
        self._fence = ""
        self._pre = False

    def holds(self, line: str) -> bool:
        bare = _bare(line)
        if self._fence:
            self._fence = "" if _closes(bare, self._fence) else self._fence
            return True
        if self._pre or "<pre" in line.lower():
            self._pre = "</pre" not in line.lower()
            return True
        fence = _FENCE.match(_ITEM.sub("", bare, count=1))
        if fence:
            self._fence = fence[1]
            return True
        item = _ITEM.match(bare)
        if item:
            self.item = len(item[0].expandtabs(_CODE_INDENT))
        elif bare.strip() and _indent(bare) < min(self.item, 2):
            self.item = 0
        return False


def _closes(line: str, fence: str) -> bool:
    mark = line.strip()
    return len(mark) >= len(fence) and mark == fence[0] * len(mark)


def _bare(line: str) -> str:
    """A line without the marks of the quotes that it stands in."""
    marks = _QUOTES.match(line)
    return line[marks.end() :] if marks else line


def _indent(line: str) -> int:
    whole = line.expandtabs(_CODE_INDENT)
    return len(whole) - len(whole.lstrip(" "))


def _table_end(lines: Sequence[str], place: int, item: int) -> int:
    """Where the table ends whose header is at `place`; `place` when there is none."""
    if place + 1 == len(lines) or "|" not in lines[place + 1] + lines[place]:
        return place
    header, marks = _bare(lines[place]), _bare(lines[place + 1]).strip()
    if "|" not in header + marks or not _DELIMITERS.fullmatch(marks):
        return place
    if _indent(header) >= _CODE_INDENT + item or len(_header(lines[place])) != len(_cells(marks)):
        return place
    end = place + 2
    while end < len(lines) and _goes_on(_bare(lines[end])):
        end += 1
    return end


def _goes_on(line: str) -> bool:
    return bool(line.strip()) and not _BLOCK.match(line.strip())


def _rows(lines: Sequence[str]) -> Iterator[str]:
    header = _header(lines[0])
    rows = [_cells(_bare(line)) for line in lines[2:]]
    if any(header):
        return paragraphs([header, *rows], header_rows=1)
    return paragraphs(rows)


def _header(line: str) -> list[str]:
    """The cells of a header row, which may open a list item."""
    return _cells(_ITEM.sub("", _bare(line), count=1))


def _cells(line: str) -> list[str]:
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [_BREAK.sub(" ", cell.replace("\\|", "|")).strip() for cell in _PIPE.split(line)]


def _separate(out: list[str]) -> None:
    if out and out[-1].strip():
        out.append("")
