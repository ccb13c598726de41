"""Headings of Markdown as CommonMark has them, in one pass over the lines.

A `#` in code, in an HTML comment or in indented text is no heading, and neither is the line above a
table's rule. Underlined and HTML headings become `#` lines, so that whoever cuts text reads one form.
"""

import re
from collections.abc import Iterator, Sequence

from data_prep.documents.formats.plain.inline import strip_inline

# a fence, maybe as the first thing of a list item; inside lists it may be indented as they are
_FENCE = re.compile(r"([ \t]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)?)(`{3,}(?=[^`]*$)|~{3,})")
_ITEM = re.compile(r" {0,3}(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$)")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_CLOSING = re.compile(r"(?:^|[ \t])#+[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
# what begins a block that no underline makes a heading of: list item, quote, table, HTML, indented code
_OTHER = re.compile(
    r" {0,3}(?:[-+*](?:[ \t]|$)|\d{1,9}[.)](?:[ \t]|$)|[>|]|</?[a-zA-Z!?])| {4}| {0,3}\t"
)
_BREAK = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_HTML = re.compile(r" {0,3}<h([1-6])(?:\s[^<>]*)?>", re.IGNORECASE)
_HTML_END = re.compile(r"</h[1-6]\s*>(.*)$", re.IGNORECASE)
_HTML_LINES = 20


def first_heading(text: str) -> str:
    """The words of the first Markdown heading that has any; empty when there is none."""
    for line, code in with_hash_headings(text.split("\n")):
        heading = None if code else _ATX.match(line)
        if heading and (words := strip_inline(_CLOSING.sub("", heading[2] or ""))):
            return words
    return ""


def with_hash_headings(lines: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The lines without HTML comments, each with whether it is code; every heading is a `#` line."""
    blocks = _Blocks(max((n for n, line in enumerate(lines) if "-->" in line), default=-1))
    for number, line in enumerate(lines):
        yield from blocks.read(number, line)
    yield from blocks.end()


class _Blocks:
    """What the lines so far leave open: a fence, a comment, a paragraph, an HTML heading."""

    def __init__(self, last_comment_end: int) -> None:
        self._last_comment_end = last_comment_end
        self._fence, self._indent = "", 0
        self._in_list = False
        self._in_comment = False
        self._paragraph: list[str] = []
        self._other = False
        self._html: list[str] = []

    def read(self, number: int, line: str) -> Iterator[tuple[str, bool]]:
        if self._fence:
            indent = min(self._indent, len(line) - len(line.lstrip(" ")))
            yield line[indent:], True
            if line.lstrip().startswith(self._fence) and not line.strip(f" \t{self._fence[0]}"):
                self._fence = ""
            return
        shown = self._without_comment(number, line)
        if shown is None:
            return
        if self._html or _HTML.match(shown):
            yield from self._html_heading(shown)
        else:
            yield from self._block(shown)

    def end(self) -> Iterator[tuple[str, bool]]:
        yield from self._close()
        yield from ((line, False) for line in self._html)

    def _block(self, line: str) -> Iterator[tuple[str, bool]]:
        underline = _UNDERLINE.match(line)
        mark = self._opening(line)
        if underline and self._paragraph:
            words = " ".join(part.strip() for part in self._paragraph)
            self._paragraph = []
            yield f"{'#' if underline[1][0] == '=' else '##'} {words}", False
        elif mark:
            yield from self._close()
            yield from ([(mark[1].rstrip(), False)] if mark[1].strip() else [])
            self._fence, self._indent = mark[2], len(mark[1])
            yield line[len(mark[1]) :], True
        elif not line.strip() or _ATX.match(line) or _BREAK.match(line):
            yield from self._close()
            yield line, False
        elif self._other or (_OTHER.match(line) and not self._is_continued(line)):
            yield from self._close()
            self._other = True
            yield line, False
        else:
            self._paragraph.append(line)

    def _opening(self, line: str) -> re.Match[str] | None:
        """The fence that a line opens, if it does."""
        if _ITEM.match(line):
            self._in_list = True
        elif line[:1].strip() and not self._paragraph and not self._other:
            self._in_list = False
        mark = _FENCE.match(line)
        return mark if mark and (self._in_list or len(mark[1].expandtabs(4)) < 4) else None

    def _is_continued(self, line: str) -> bool:
        """Whether a line that looks indented only goes on with a paragraph."""
        return bool(self._paragraph) and line.startswith(("    ", "\t"))

    def _close(self) -> Iterator[tuple[str, bool]]:
        yield from ((line, False) for line in self._paragraph)
        self._paragraph, self._other = [], False

    def _html_heading(self, line: str) -> Iterator[tuple[str, bool]]:
        yield from self._close()
        self._html.append(line)
        end = _HTML_END.search(line)
        if end:
            whole = " ".join(part.strip() for part in self._html)
            level = _HTML.match(whole)
            inner = _HTML_END.sub("", whole)[level.end() if level else 0 :]
            words = strip_inline(inner)
            yield from (("", False), (f"{'#' * int(level[1] if level else 1)} {words}", False))
            yield from (("", False), (end[1], False))
            self._html = []
        elif len(self._html) == _HTML_LINES:
            yield from ((part, False) for part in self._html)
            self._html = []

    def _without_comment(self, number: int, line: str) -> str | None:
        """The line without what is in `<!-- -->`; None when nothing but that was in it."""
        if not self._in_comment and "<!--" not in line:
            return line
        shown: list[str] = []
        at, ticks, had = 0, 0, self._in_comment
        last_end = line.rfind("-->")
        while at < len(line):
            if self._in_comment:
                end = line.find("-->", at)
                self._in_comment = end < 0
                at = len(line) if end < 0 else end + len("-->")
                continue
            start = line.find("<!--", at)
            part = line[at : start if start >= 0 else len(line)]
            ticks += part.count("`")
            closes = number < self._last_comment_end or last_end > start
            if start < 0 or not closes or ticks % 2:
                shown.append(line[at:])
                break
            shown.append(part)
            had, self._in_comment, at = True, True, start + len("<!--")
        text = "".join(shown)
        return None if had and not text.strip() else text
