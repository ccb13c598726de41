"""reStructuredText, as docutils and Sphinx have it, -> Markdown.

Read line by line in one pass: docutils refuses what only Sphinx knows, and takes minutes for a long
manual. Sections, literal blocks, lists, tables and admonitions keep their structure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_prep.documents.formats.markup.rest_directives import read_directive
from data_prep.documents.formats.markup.rest_inline import words
from data_prep.documents.formats.markup.rest_tables import grid_table, simple_table
from data_prep.documents.formats.notices import Notice, parts_elsewhere
from data_prep.documents.formats.parsed import Parsed
from data_prep.documents.formats.plain.headings import first_heading
from data_prep.documents.formats.plain.text import fenced
from data_prep.documents.formats.tables.rows import paragraphs
from data_prep.documents.formats.text import decode

_DEPTH = 20
_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*\s*$")
_ITEM = re.compile(r"([-*+•‣⁃]|\(?(?:\d{1,9}|#|[a-zA-Z]|[ivxlcdmIVXLCDM]{1,9})[.)])(?:[ \t]+|$)")
_FIELD = re.compile(r":((?![: ])(?:[^:\\]|\\.|:(?!\s|$))*):(?:\s+(.*)|\s*)$")
_SIMPLE = re.compile(r"=+(?:[ \t]+=+)+[ \t]*$")
_SUBSTITUTION = re.compile(
    r"^[ \t]*\.\. \|([^|\n]+)\| (replace|unicode)::[ \t]*(\S.*)$", re.MULTILINE
)
_TABS = 8
_TABLE_LINES = 2000  # a border that no other one follows within them begins no table
# at the top of a document: what only Sphinx reads
_SETTINGS = frozenset(("orphan", "tocdepth", "nocomments", "nosearch", "no-search"))


def parse_rest(data: bytes) -> Parsed:
    """The title is that of the first section; fields above the text are metadata too."""
    source = decode(data).expandtabs(_TABS)
    rest = Rest(
        {name: text for name, kind, text in _SUBSTITUTION.findall(source) if kind == "replace"}
    )
    text = "\n\n".join(rest.blocks(source.split("\n"), top=True))
    return Parsed(
        first_heading(text), text, metadata=rest.metadata, markdown=True, notices=rest.notices()
    )


@dataclass
class Rest:
    """What is known while a document is read: its substitutions, and its styles of sections so far."""

    substitutions: dict[str, str]
    styles: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    elsewhere: int = 0  # parts that lie in other files

    def notices(self) -> tuple[Notice, ...]:
        """What is not in the text because it lies elsewhere."""
        return parts_elsewhere(self.elsewhere, "include, autoclass, ...")

    def words(self, lines: Sequence[str]) -> str:
        """A paragraph on one line; one that looks like a heading of Markdown is marked as none."""
        text = words(" ".join(line.strip() for line in lines), self.substitutions).strip()
        return f"\\{text}" if re.match(r"#{1,6}\s|```|~~~", text) else text

    def blocks(self, lines: Sequence[str], depth: int = 0, top: bool = False) -> Iterator[str]:
        """Markdown blocks, without the blank lines between them."""
        at = 0
        if depth > _DEPTH:
            yield self.words(lines)
            return
        while at < len(lines):
            if not lines[at].strip():
                at += 1
                continue
            at, found = self._block(lines, at, depth, top)
            yield from (block for block in found if block.strip())

    def _block(self, lines: Sequence[str], at: int, depth: int, top: bool) -> tuple[int, list[str]]:
        line = lines[at]
        if line[0] == " ":
            end = indented_end(lines, at)
            return end, list(self.blocks(dedented(lines[at:end]), depth + 1))
        if line.startswith(".. ") or line.rstrip() == "..":
            end = indented_end(lines, at + 1)
            return end, list(read_directive(self, line, dedented(lines[at + 1 : end]), depth))
        if line.startswith("__ "):
            return at + 1, []
        section = self._section(lines, at)
        if section:
            return section
        return self._body(lines, at, depth, top)

    def _body(self, lines: Sequence[str], at: int, depth: int, top: bool) -> tuple[int, list[str]]:
        line = lines[at]
        if _SIMPLE.match(line):
            end = _simple_end(lines, at)
            return end, self._table(*simple_table(lines[at:end])) if end > at + 1 else []
        if line.startswith(("+-", "+=")) and line.rstrip().endswith("+"):
            end = _while(lines, at, ("+", "|"))
            return end, self._table(*grid_table(lines[at:end]))
        if line.startswith(">>>"):
            end = _paragraph_end(lines, at)
            return end, [fenced("\n".join(lines[at:end]))]
        if re.match(r"\|(?: |$)", line):
            end = _while(lines, at, ("|", " "))
            return end, ["\n".join(self.words([line.lstrip("|")]) for line in lines[at:end])]
        if _ITEM.match(line):
            return self._list(lines, at, depth)
        if _FIELD.match(line):
            return self._fields(lines, at, depth, top)
        return self._paragraph(lines, at, depth)

    def _section(self, lines: Sequence[str], at: int) -> tuple[int, list[str]] | None:
        over, under = _adornment(lines, at), _adornment(lines, at + 1)
        if over and _is_title(lines, at + 1) and _adornment(lines, at + 2) == over:
            return at + 3, [self._heading(over * 2, lines[at + 1])]
        if over:
            alone = at + 1 >= len(lines) or not lines[at + 1].strip()
            return (at + 1, []) if alone and len(lines[at].strip()) > 3 else None
        if under and _fits(lines[at], lines[at + 1]):
            return at + 2, [self._heading(under, lines[at])]
        return None

    def _heading(self, style: str, title: str) -> str:
        if style not in self.styles:
            self.styles.append(style)
        return f"{'#' * min(self.styles.index(style) + 1, 6)} {words(title.strip(), self.substitutions)}"

    def _table(self, rows: list[list[str]], header: int | None) -> list[str]:
        return list(paragraphs([[self.words([cell]) for cell in row] for row in rows], header))

    def table(self, rows: list[list[str]], header: int | None) -> list[str]:
        """Rows as paragraphs that name their columns."""
        return self._table(rows, header)

    def _list(self, lines: Sequence[str], at: int, depth: int) -> tuple[int, list[str]]:
        items: list[str] = []
        tight = True
        while at < len(lines) and (mark := _ITEM.match(lines[at])):
            end = indented_end(lines, at + 1)
            source = [lines[at][mark.end() :], *dedented(lines[at + 1 : end])]
            found = list(self.blocks(source, depth + 1))
            first = found[0] if found and not found[0].startswith(("- ", "```")) else ""
            sign = (
                f"{mark[1].strip('()').rstrip('.')}." if mark[1].strip("().")[:1].isdigit() else "-"
            )
            rest = [_inner(block) for block in (found[1:] if first else found)]
            items.append(
                "\n".join([f"{sign} {first}".rstrip(), *(b for b in rest if b.startswith("  "))])
                if all(b.startswith("  ") for b in rest)
                else "\n\n".join([f"{sign} {first}".rstrip(), *rest])
            )
            tight = tight and "\n\n" not in items[-1]
            at = end
        return at, ["\n".join(items)] if tight else items

    def _fields(
        self, lines: Sequence[str], at: int, depth: int, top: bool
    ) -> tuple[int, list[str]]:
        shown = []
        while at < len(lines) and (found := _FIELD.match(lines[at])):
            end = indented_end(lines, at + 1)
            value = list(self.blocks([found[2] or "", *dedented(lines[at + 1 : end])], depth + 1))
            if top and found[1].lower() in _SETTINGS:
                at = end
                continue
            if (
                top
                and "\n" not in "".join(value)
                and not found[1].startswith(("param", "type", "return"))
            ):
                self.metadata[found[1].lower()] = " ".join(value)
            shown.append(f"{found[1]}: {chr(10).join(value)}".strip())
            at = end
        return at, ["\n".join(shown)] if shown else []

    def _paragraph(self, lines: Sequence[str], at: int, depth: int) -> tuple[int, list[str]]:
        end = _paragraph_end(lines, at)
        if (
            end == at + 1
            and end < len(lines)
            and lines[end].startswith(" ")
            and not lines[at].rstrip().endswith("::")
        ):
            stop = indented_end(lines, end)
            inner = list(self.blocks(dedented(lines[end:stop]), depth + 1))
            return stop, ["\n".join([self.words([lines[at]]), *inner[:1]]), *inner[1:]]
        text = self.words(lines[at:end])
        if not text.endswith("::"):
            return end, [text]
        stop = indented_end(lines, end)
        code = "\n".join(dedented(lines[end:stop])).strip("\n")
        shown = text[:-2].rstrip() if text[:-2].endswith(" ") or text == "::" else text[:-1]
        return stop, [shown, fenced(code)] if code.strip() else [shown]


def _inner(block: str) -> str:
    """A block inside a list item: lists are indented below it, others stand as they are."""
    is_list = re.match(r"\s*(?:- |\d+\. )", block) is not None
    return "\n".join(f"  {line}" for line in block.split("\n")) if is_list else block


def dedented(lines: Sequence[str]) -> list[str]:
    """Lines without the indentation that all of them have."""
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[depth:] for line in lines]


def indented_end(lines: Sequence[str], at: int) -> int:
    """Where the block of indented lines ends, blank lines inside it included."""
    end = at
    for place in range(at, len(lines)):
        if lines[place].startswith(" ") and lines[place].strip():
            end = place + 1
        elif lines[place].strip():
            break
    return end


def _paragraph_end(lines: Sequence[str], at: int) -> int:
    end = at + 1
    while end < len(lines) and lines[end].strip() and not lines[end].startswith(" "):
        end += 1
    return end


def _while(lines: Sequence[str], at: int, begins: tuple[str, ...]) -> int:
    end = at
    while end < len(lines) and lines[end].startswith(begins) and lines[end].strip():
        end += 1
    return end


def _simple_end(lines: Sequence[str], at: int) -> int:
    """After the border that a blank line or the end follows."""
    for place in range(at + 1, min(len(lines), at + _TABLE_LINES)):
        last = place + 1 == len(lines) or not lines[place + 1].strip()
        if _SIMPLE.match(lines[place]) and last and place > at + 1:
            return place + 1
    return at + 1


def _adornment(lines: Sequence[str], at: int) -> str:
    found = _ADORNMENT.match(lines[at]) if at < len(lines) else None
    return found[1] if found else ""


def _is_title(lines: Sequence[str], at: int) -> bool:
    return at < len(lines) and bool(lines[at].strip()) and not _adornment(lines, at)


def _fits(title: str, line: str) -> bool:
    """Whether a line of signs is long enough to underline a title."""
    length = len(line.rstrip())
    return length >= len(title.rstrip()) or (length >= 4 and not title.startswith(" "))
