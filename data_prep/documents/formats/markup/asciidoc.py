"""AsciiDoc, of Asciidoctor and of old, -> Markdown."""

import csv
import re
from typing import Any

from data_prep.documents.formats.markup.outline import Outline
from data_prep.documents.formats.notices import parts_elsewhere
from data_prep.documents.formats.parsed import Parsed
from data_prep.documents.formats.plain.headings import first_heading
from data_prep.documents.formats.text import decode

_HEADING = re.compile(r"(={1,6}|#{1,6})\s+(\S.*?)(?:\s+\1)?\s*$")
_UNDERLINE = re.compile(r"([=~^+-])\1+\s*$")
_UNDERLINES = "=-~^+"
_HEADING_CHARS = 1000
_SLACK = 3  # letters that an underline may be longer or shorter
_ATTRIBUTE = re.compile(r":(!?[\w-]+!?):(?:\s+(.*))?$")
_REFERENCE = re.compile(r"\{([\w-]+)\}")
_DELIMITER = re.compile(r"(?:-{4,}|\.{4,}|/{4,}|\+{4,}|={4,}|\*{4,}|_{4,}|--|```\w*|[|,:!]===)\s*$")
_LIST = re.compile(r"\s*(\*{1,5}|-|\.{1,5}|\d+\.)\s+(\S.*)$")
_STYLE = re.compile(r"\[[^\[\]]*\]\s*$|\[\[[^\[\]]*\]\]\s*$")
_MACRO = re.compile(
    r"(include|image|video|audio|toc|ifdef|ifndef|ifeval|endif)::([^\[]*)\[(.*)\]\s*$"
)
_INLINE = re.compile(
    r"(?:link:|mailto:|xref:|(?=https?:))([^\s\[\]<>]{1,500}+)\[([^\[\]]*)\]"
    r"|<<([^<>,]+)(?:,([^<>]*))?>>|(?:image|icon):([^\s\[\]:]{1,500}+)\[([^\[\]]*)\]"
    r"|(?:kbd|btn|menu|footnote|pass|indexterm2|stem|latexmath):[^\s\[\]]{0,500}+\[([^\[\]]*)\]"
    r"|(indexterm:\[[^\[\]]*\]|\(\(\([^()]*\)\)\)|\[\[[^\[\]]*\]\]|\[#?\.?[\w.#-]*\](?=[#*_`]))"
)
_BOLD = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?![\w*])")
_ALIGN = re.compile(r"^(?:\d+(?:\.\d+)?[+*])?[<^>.]*[a-z]?$")


def parse_asciidoc(data: bytes) -> Parsed:
    """The title is the document's, else the first heading; attributes of the head are metadata."""
    lines = [line.rstrip() for line in decode(data).split("\n")]
    reader = _Reader()
    for at, line in enumerate(lines):
        reader.read(line, lines[at + 1] if at + 1 < len(lines) else "")
    reader.finish()
    text = reader.outline.text()
    notices = parts_elsewhere(reader.included, "include")
    return Parsed(
        first_heading(text), text, metadata=reader.metadata, markdown=True, notices=notices
    )


class _Reader:
    """Reads line by line; `_end` is the line that closes the open block."""

    def __init__(self) -> None:
        self.outline = Outline()
        self.metadata: dict[str, Any] = {}
        self.included = 0
        self._attributes: dict[str, str] = {}
        self._end, self._style, self._skip = "", "", False
        self._lines: list[str] = []

    def read(self, line: str, following: str) -> None:
        if self._skip:
            self._skip = False
        elif self._end:
            self._inside(line)
        elif line.startswith("//") and not line.startswith("////"):
            pass
        elif found := _ATTRIBUTE.match(line):
            self._attribute(found[1], found[2] or "")
        elif self._is_underlined(line, following):
            self._skip = True
            self.outline.heading(_UNDERLINES.index(following[0]) + 1, self._words(line))
        elif _DELIMITER.match(line):
            self._delimiter(line)
        elif _STYLE.match(line):
            self._style = line.strip("[]")
        else:
            self._text(line)

    def finish(self) -> None:
        """A block that nobody closed ends with the text."""
        if self._end:
            self._close()

    def _text(self, line: str) -> None:
        if heading := _HEADING.match(line[:_HEADING_CHARS]):
            self.outline.heading(len(heading[1]), self._words(heading[2]))
        elif macro := _MACRO.match(line):
            self._macro(macro[1], macro[3])
        elif line == "+":
            self.outline.end()
        elif re.match(r"\.[^\s.]", line):
            self.outline.block(self._words(line[1:]))
        elif item := _LIST.match(line):
            depth = len(item[1]) - 1 if item[1][0] in "*." else 0
            self.outline.item(self._words(item[2]), depth)
        elif line.startswith((" ", "\t")) and not self.outline.is_open():
            self._end, self._lines = "blank", [line]
        else:
            self.outline.say(self._words(line))

    def _inside(self, line: str) -> None:
        if line.strip() == self._end or (self._end == "blank" and not line.strip()):
            self._close()
        else:
            self._lines.append(line)

    def _delimiter(self, line: str) -> None:
        mark = line.strip()
        if (mark[0] in "-./+`" and mark != "--") or mark.endswith("==="):
            if mark.endswith("===") and mark[0] == "=":
                self.outline.end()
                return
            self.outline.end()
            self._end, self._lines = ("```" if mark.startswith("```") else mark), []
        else:
            self.outline.end()  # around an example, a sidebar, a quote: words like others

    def _close(self) -> None:
        end, self._end = self._end, ""
        if end.startswith("////"):
            return
        if end.endswith("===") and end[0] != "=":
            self._table(end[0])
        elif not self._style.startswith(("quote", "verse", "NOTE")):
            language = self._style.split(",")[1].strip() if self._style.count(",") else ""
            self.outline.code(
                self._lines, language if self._style.startswith(("source", ",")) else ""
            )
        else:
            for line in self._lines:
                self.outline.say(self._words(line))
        self._style = ""

    def _table(self, mark: str) -> None:
        """Rows of cells; as many columns as the first line of cells has, or `cols` says."""
        if mark in ",:":
            self.outline.table(list(csv.reader(self._lines, delimiter=mark)))
            return
        cells: list[str] = []
        first = 0
        for line in self._lines:
            if "|" in line:
                before, *found = re.split(r"(?<!\\)\|", line)
                if cells and not _ALIGN.match(before.strip()):
                    cells[-1] += f" {before.strip()}"
                cells += [
                    re.sub(r"\s(?:\d+(?:\.\d+)?[+*])?[<^>.]*[aehlmsv]?$", "", f" {cell}").strip()
                    for cell in found
                ]
                first = first or len(found)
            elif cells and line.strip():
                cells[-1] += f" {line.strip()}"
        width = self._columns() or first or 1
        words = [self._words(cell) for cell in cells]
        rows = [words[at : at + width] for at in range(0, len(words), width)]
        blank = len(self._lines) > 1 and "|" in self._lines[0] and not self._lines[1].strip()
        self.outline.table(rows, 1 if "header" in self._style or blank else None)

    def _columns(self) -> int:
        found = re.search(r"cols\s*=\s*(?:\"([^\"]*)\"|(\d+\*?))", self._style)
        if found is None:
            return 0
        total = 0
        for part in re.split(r"[,;]", found[1] or found[2]):
            times = re.match(r"\s*(\d{1,3})\*", part)
            total += int(times[1]) if times else 1
        return total

    def _attribute(self, name: str, value: str) -> None:
        if value and len(self._attributes) < 1000:
            self._attributes[name] = value
            if name in (
                "author",
                "date",
                "revdate",
                "revnumber",
                "description",
                "keywords",
                "email",
            ):
                self.metadata[name] = value

    def _macro(self, kind: str, inner: str) -> None:
        self.included += kind == "include"
        if kind in ("image", "video", "audio"):
            alt = inner.partition(",")[0].strip('" ')
            self.outline.block("" if "=" in alt else self._words(alt))

    def _is_underlined(self, line: str, following: str) -> bool:
        if not line.strip() or line[0] in " .[|:" or not _UNDERLINE.match(following):
            return False
        if following[0] not in _UNDERLINES or len(following) < 2 or self.outline.is_open():
            return False
        return abs(len(line) - len(following)) < _SLACK and any(c.isalnum() for c in line)

    def _words(self, line: str) -> str:
        if "{" in line:
            line = _REFERENCE.sub(
                lambda found: self._attributes.get(found[1], found[0])[:1000], line
            )
        if any(mark in line for mark in ("[", "<<", "(((")):
            line = _INLINE.sub(_shown, line)
        return _BOLD.sub(r"**\1**", line) if "*" in line else line


def _shown(found: re.Match[str]) -> str:
    address, text, anchor, named, _, alt, inner, _ = found.groups()
    if address is not None:
        return text.split(",")[0].strip('"^') or address
    if anchor is not None:
        return named or anchor
    return (alt or "").partition(",")[0] or (
        f" ({inner})" if found[0].startswith("footnote") else inner or ""
    )
