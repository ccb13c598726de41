"""Pieces that all small markup languages share: blocks of Markdown collected line by line."""

import re
from collections.abc import Sequence

from data_prep.documents.formats.plain.text import fenced
from data_prep.documents.formats.tables.rows import paragraphs

_ITEM = re.compile(r"\s*(?:-|\d+\.)(?: |$)")
_MARK = re.compile(r"#{1,6}\s|```|~~~")  # what would be a heading or code in Markdown


class Outline:
    """Collects a document: lines of a paragraph until it ends, then headings, code and tables."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._paragraph: list[str] = []
        self._in_list = False

    def say(self, line: str) -> None:
        """One more line of the paragraph; a blank one ends it."""
        if line.strip():
            self._paragraph.append(line.strip())
        else:
            self.end()

    def item(self, line: str, depth: int = 0, sign: str = "-") -> None:
        """An item of a list; lines that follow belong to it."""
        self._close(joined=False)
        self._paragraph = [f"{'  ' * depth}{sign} {line.strip()}".rstrip()]

    def heading(self, level: int, words: str) -> None:
        self.end()
        if words.strip():
            self._blocks.append(f"{'#' * min(max(level, 1), 6)} {words.strip()}")

    def code(self, lines: Sequence[str], language: str = "") -> None:
        self.end()
        body = "\n".join(lines).strip("\n")
        if body.strip():
            self._blocks.append(fenced(body, language))

    def table(self, rows: Sequence[Sequence[str]], header_rows: int | None = None) -> None:
        self.end()
        self._blocks.extend(paragraphs(rows, header_rows))

    def block(self, text: str) -> None:
        """A paragraph as it stands."""
        self.end()
        if text.strip():
            self._blocks.append(text)

    def end(self) -> None:
        """End the paragraph, or the list."""
        self._close(joined=True)

    def is_open(self) -> bool:
        """Whether a paragraph or an item goes on."""
        return bool(self._paragraph)

    def text(self) -> str:
        self.end()
        return "\n\n".join(self._blocks)

    def _close(self, joined: bool) -> None:
        if self._paragraph:
            text = " ".join(self._paragraph)
            is_item = _ITEM.match(text) is not None
            shown = f"\\{text}" if _MARK.match(text) else text
            if is_item and self._in_list:
                self._blocks[-1] += f"\n{shown}"
            else:
                self._blocks.append(shown)
            self._in_list = is_item
        self._in_list = self._in_list and not joined
        self._paragraph = []
