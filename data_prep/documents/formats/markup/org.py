"""Org mode -> Markdown."""

import re
from collections.abc import Callable
from typing import Any

from data_prep.documents.formats.markup.outline import Outline
from data_prep.documents.formats.parsed import Parsed
from data_prep.documents.formats.plain.headings import first_heading
from data_prep.documents.formats.text import decode

_HEADING = re.compile(
    r"(\*+)\s+(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED)\s+)?(?:\[#[A-Z]\]\s+)?(.*?)(?:\s+:[\w@#%:]+:)?\s*$"
)
_HEADING_CHARS = 1000
_KEYWORD = re.compile(r"\s*#\+([A-Za-z_-]+):\s*(.*)$")
_BEGIN = re.compile(r"\s*#\+begin_(\w+)(?:\s+(\S+))?", re.IGNORECASE)
_ITEM = re.compile(r"(\s*)(?:[-+]|\*(?<=\s\*)|\d+[.)])\s+(.*)$")
_TASK = re.compile(r"\[[ X-]\]\s+")
_LINK = re.compile(r"\[\[([^\[\]]+)\](?:\[([^\[\]]+)\])?\]")
_VERBATIM = re.compile(r"(?<![\w=~])([=~])(?=\S)([^=~\n]+?)(?<=\S)\1(?!\w)")
_ITALIC = re.compile(r"(?<![\w/:])/(?=[^\s/])([^/\n]+?)(?<=[^\s/])/(?![\w/])")
_BOLD = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?![\w*])")
_RULE = re.compile(r"\s*\|[-+]+\|?\s*$")
_METADATA = frozenset(
    ("author", "date", "email", "language", "description", "keywords", "filetags")
)
_CODE = frozenset(("src", "example", "export", "latex"))


def parse_org(data: bytes) -> Parsed:
    """The title is `#+TITLE:`, else the first heading; author and date are metadata."""
    reader = _Reader()
    for line in decode(data).split("\n"):
        reader.read(line)
    text = reader.outline.text()
    return Parsed(
        reader.title or first_heading(text), text, metadata=reader.metadata, markdown=True
    )


class _Reader:
    """Reads line by line; `_inside` names the block, drawer or table that is open."""

    def __init__(self) -> None:
        self.outline = Outline()
        self.metadata: dict[str, Any] = {}
        self.title = ""
        self._inside = ""
        self._language = ""
        self._lines: list[str] = []

    def read(self, line: str) -> None:
        if self._inside:
            self._go_on(line)
        elif re.match(r"\s*:[\w-]+:\s*$", line):
            self._inside = "drawer"
        elif begin := _BEGIN.match(line):
            self._begin(begin[1].lower(), begin[2] or "")
        elif keyword := _KEYWORD.match(line):
            self._keyword(keyword[1].lower(), keyword[2])
        elif heading := _HEADING.match(line[:_HEADING_CHARS]):
            self.outline.heading(len(heading[1]), _words(heading[2]))
        elif line.lstrip().startswith("|"):
            self._inside, self._lines = "table", [line]
        elif not re.match(r"\s*#(?:\s|$)", line):
            self._text(line)

    def _go_on(self, line: str) -> None:
        ends: dict[str, Callable[[], bool]] = {
            "drawer": lambda: line.strip().lower() == ":end:",
            "table": lambda: not line.lstrip().startswith("|"),
        }
        end = ends.get(self._inside, lambda: line.strip().lower() == f"#+end_{self._inside}")
        if not end():
            if self._inside != "drawer":
                self._lines.append(line)
            elif _HEADING.match(line):  # a drawer that nobody closed
                self._inside = ""
                self.read(line)
            return
        inside, self._inside = self._inside, ""
        if inside == "table":
            rules = [at for at, row in enumerate(self._lines) if _RULE.match(row)]
            rows = [_cells(row) for row in self._lines if not _RULE.match(row)]
            self.outline.table(rows, rules[0] if rules and rules[0] else None)
            self.read(line)
        elif inside != "drawer" and inside != "comment":
            self.outline.code(_dedented(self._lines), self._language)
        self._lines = []

    def _begin(self, kind: str, language: str) -> None:
        if kind in _CODE or kind == "comment":
            self._inside, self._language, self._lines = kind, language if kind == "src" else "", []
        else:
            self.outline.end()  # a quote, a verse, a centred text: words like others

    def _keyword(self, name: str, value: str) -> None:
        if name == "title":
            self.title = f"{self.title} {_words(value)}".strip()
        elif name in _METADATA and value:
            self.metadata[name] = value
        elif name == "caption":
            self.outline.say(_words(value))

    def _text(self, line: str) -> None:
        if re.match(r"\s*#\+end_", line, re.IGNORECASE):
            self.outline.end()
        elif re.match(r"\s*: ", line):
            self.outline.block(line.strip()[2:])
        elif item := _ITEM.match(line):
            self.outline.item(_words(_TASK.sub("", item[2], count=1)), len(item[1]) // 2)
        else:
            self.outline.say(_words(line))


def _words(line: str) -> str:
    line = _LINK.sub(lambda found: found[2] or found[1], line) if "[[" in line else line
    parts = _VERBATIM.split(line)
    shown = [_BOLD.sub(r"**\1**", _ITALIC.sub(r"*\1*", part)) for part in parts[::3]]
    codes = [f"`{code}`" for code in parts[2::3]]
    return "".join(part for pair in zip(shown, [*codes, ""], strict=True) for part in pair)


def _cells(row: str) -> list[str]:
    return [_words(cell.strip()) for cell in row.strip().strip("|").split("|")]


def _dedented(lines: list[str]) -> list[str]:
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[depth:] for line in lines]
