"""Blocks of Markdown, written as a browser lays text out: white space of the source means nothing."""

import re
from collections.abc import Iterable

from data_prep.documents.formats.plain.text import fenced

_MAX_INDENT = 24  # spaces; deeper lists stay at it, so that text grows no faster than its source
_BREAK = "\0"  # of `<br>`; no page holds one, `clean` has removed them
_SPACE = re.compile(r"[ \t\n\r\f\v\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_UNSEEN = dict.fromkeys((0x00AD, 0x200B, 0x2060, 0xFEFF))
# what Markdown would take for a heading, a fence or an underline; the words stay verbatim
_MARKUP = re.compile(r"^(?=#{1,6}(?:\s|$)|`{3}|~{3})", re.MULTILINE)
_UNDERLINE = re.compile(r"(?<=\n)(?=(?:=+|-+)[ ]*(?:\n|$))")
_BESIDE = re.compile(
    r"(?:go )?(?:to )?(?:prev(?:ious)?|next|up|home|top|back|back to (?:the )?top|contents|(?:main )?index|"
    r"toc|table of contents|(?:previous|next) (?:page|topic|chapter|section)|(?:skip|jump) to .{1,30}|"
    r"(?:edit|improve|view|show) (?:this )?(?:page|source)(?: (?:on|in|at) \w{1,20})?|page source|"
    r"(?:edit|view) on \w{1,20}|report (?:a|an) (?:bug|issue|problem)|modules|overview|print|share)?",
    re.IGNORECASE,
)
# of a line of texinfo, whose links are gone
_LEFTOVER = re.compile(
    r"(?:next|previous|prev|up):(?:[ ,|:\[\]]|next|previous|prev|up)*", re.IGNORECASE
)
_SIGNS = re.compile(r"[\s|»«<>\[\]()←→↑↓‹›·•:,/⏮⏭⇐⇒-]+")


def collapse(text: str) -> str:
    """Text on one line, as a browser shows it."""
    return _SPACE.sub(" ", text.translate(_UNSEEN).replace(_BREAK, " ")).strip()


class Writer:
    """Takes text and marks of structure in reading order; `blocks` are Markdown blocks.

    `flat`: text alone, without marks of lists and code, as cells of tables need it.
    """

    def __init__(self, flat: bool = False) -> None:
        self._flat = flat
        self.blocks: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self._pieces: list[str] = []
        self._links: list[str] = []
        self._plain = False  # whether the pieces hold words outside of links
        self._heading = 0
        self._indents: list[str] = []
        self._marker = ""
        self._term = False  # whether the last block is a term that waits for its definition

    def text(self, text: str, link: bool = False) -> None:
        """Inline text as it stands in the source; `link`: below a link."""
        self._pieces.append(text)
        if link:
            self._links.append(text)
        elif not self._plain:
            self._plain = bool(_SIGNS.sub("", text))

    def line_break(self) -> None:
        self._pieces.append(" " if self._heading else _BREAK)

    def space(self) -> None:
        """A border of blocks inside a heading."""
        self._pieces.append(" ")

    @property
    def in_heading(self) -> bool:
        return self._heading > 0

    def begin_heading(self, level: int) -> None:
        self.end_block()
        self._heading = level

    def end_block(self, term: bool = False) -> None:
        """The inline text so far is a block: a paragraph, an item, a term or a heading."""
        pieces, links, plain = self._pieces, self._links, self._plain
        self._pieces, self._links, self._plain = [], [], False
        if self._heading:
            self._end_heading("".join(pieces))
        elif pieces and not (links and not plain and _is_beside(links)):
            for text in _paragraphs("".join(pieces)):
                if not _LEFTOVER.fullmatch(text[:100]):
                    self._paragraph(text, term)

    def end_heading(self) -> None:
        self.end_block()
        self._heading = 0

    def begin_list(self, indent: str = "") -> None:
        self.end_block()
        self._indents.append(indent)

    def begin_item(self, marker: str) -> None:
        self.end_block()
        if self._indents:
            self._indents[-1] = " " * len(marker)
        self._marker = marker

    def end_list(self) -> None:
        self.end_block()
        self._indents.pop()
        self._marker = ""

    def code(self, text: str) -> None:
        """Preformatted text, to the character."""
        self.end_block()
        if self._flat:
            self._add(text)
            return
        self._add(fenced(text))

    def rows(self, paragraphs: Iterable[str]) -> None:
        """Rows of a table, each already a paragraph."""
        self.end_block()
        for text in paragraphs:
            self._add(text)

    def _end_heading(self, raw: str) -> None:
        level, text = self._heading, collapse(raw).rstrip("¶🔗").strip()
        if text and self._flat:
            self._add(text)
        elif text:
            self._heading = 0
            self._add(f"{'#' * min(level, 6)} {text}")
            self.headings.append((level, text))

    def _paragraph(self, text: str, term: bool) -> None:
        if self._flat:
            self._add(text)
            return
        deep = len(self._indents)
        indents = self._indents[:_MAX_INDENT]
        inner = "".join(indents)[:_MAX_INDENT]
        outer = "".join(indents[: deep - 1] if self._marker else indents)[:_MAX_INDENT]
        escaped = _UNDERLINE.sub(r"\\", _MARKUP.sub(r"\\", text))
        first, *rest = escaped.split("\n")
        block = "\n".join([outer + self._marker + first, *(inner + line for line in rest)])
        if self._term and not self._marker and self.blocks:
            self.blocks[-1] += "\n" + block
        else:
            self.blocks.append(block)
        self._marker = ""
        self._term = term

    def _add(self, block: str) -> None:
        if self._marker:  # what stands below a heading or code in an item is not set in
            self._indents[-1] = ""
        self._marker, self._term = "", False
        self.blocks.append(block)


def _paragraphs(raw: str) -> Iterable[str]:
    """Lines end at single breaks; two breaks in a row separate paragraphs."""
    lines: list[str] = []
    for piece in raw.split(_BREAK):
        line = collapse(piece)
        if line:
            lines.append(line)
        elif lines:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


def _is_beside(links: list[str]) -> bool:
    """Whether links lead around, as "Prev" and "Edit this page" do, and are no content."""
    return len(links) < 20 and all(
        _BESIDE.fullmatch(_SIGNS.sub(" ", collapse(link)).strip()) for link in links
    )
