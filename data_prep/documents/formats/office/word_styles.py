"""Styles and numbering of a Word file: which paragraphs are headings, items or code."""

import re
from dataclasses import dataclass
from typing import Any

from data_prep.documents.formats.html.elements.lists import numeral
from data_prep.documents.formats.office.package import child, local, value

_HEADING = re.compile(
    r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|überschr)\s?([1-9])", re.I
)
_HEADING_ID = re.compile(r"(?:Heading|berschrift|Titre|Ttulo|Titolo|Kop|Rubrik)([1-9])")
_CODE = re.compile(
    r"html preformatted|source ?code|code(?: ?block)?|preformatted(?: text)?|listing|macro", re.I
)
_CONTENTS = re.compile(
    r"toc \d|toc heading|table of figures|contents \d|contents heading", re.IGNORECASE
)
_MAX_CHAIN = 20  # styles that are based on each other
_LEVELS = 9


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph is: `heading` 0 for none; `number` is (list, level)."""

    heading: int = 0
    title: bool = False
    code: bool = False
    contents: bool = False
    number: tuple[str, int] | None = None


class Styles:
    """The paragraph styles of `styles.xml`."""

    def __init__(self, root: Any | None) -> None:
        elements = [] if root is None else [e for e in root if local(e) == "style"]
        self._elements = {value(e, "styleId"): e for e in elements}
        self._found: dict[str, Style] = {}
        self.default = next(
            (
                id
                for id, e in self._elements.items()
                if value(e, "default") and value(e, "type") == "paragraph"
            ),
            "",
        )

    def of(self, id: str) -> Style:
        """The style of that id, with what it takes from the styles it is based on."""
        if id not in self._found:
            self._found[id] = self._resolve(id)
        return self._found[id]

    def _resolve(self, id: str) -> Style:
        chain: list[tuple[str, Any]] = []
        at = id
        while at in self._elements and len(chain) < _MAX_CHAIN:
            chain.append((at, self._elements[at]))
            at = value(child(self._elements[at], "basedOn"))
        names = [value(child(element, "name")) for _, element in chain]
        outline = (value(child(element, "pPr", "outlineLvl")) for _, element in chain)
        level = next((int(text) + 1 for text in outline if text.isdigit()), 0)
        if not level or level > _LEVELS:
            by_name = next(
                (found for name in names if (found := _HEADING.fullmatch(name.strip()))), None
            )
            by_name = by_name or (_HEADING_ID.fullmatch(id) if not chain else None)
            level = int(by_name[1]) if by_name and level <= _LEVELS else 0
        title = any(name.lower() == "title" for name in names) or (not chain and id == "Title")
        numbers = (paragraph_number(child(element, "pPr")) for _, element in chain)
        return Style(
            heading=level,
            title=title and not level,
            code=any(map(_CODE.fullmatch, names)),
            contents=bool(names) and _CONTENTS.fullmatch(names[0]) is not None,
            number=next((found for found in numbers if found), None),
        )


def paragraph_number(settings: Any | None) -> tuple[str, int] | None:
    """(list, level) of a paragraph's own settings; list "0" takes a style's number away."""
    found = child(settings, "numPr")
    if found is None:
        return None
    level = value(child(found, "ilvl"))
    return value(child(found, "numId")), min(int(level), _LEVELS - 1) if level.isdigit() else 0


class Numbering:
    """Counts the items of lists; `numbering.xml` says how numbers are written."""

    def __init__(self, root: Any | None) -> None:
        elements = [] if root is None else list(root)
        kinds = {value(e, "abstractNumId"): e for e in elements if local(e) == "abstractNum"}
        self._lists = {
            value(e, "numId"): value(child(e, "abstractNumId"))
            for e in elements
            if local(e) == "num"
        }
        self._levels = {
            (id, value(level, "ilvl")): level
            for id, e in kinds.items()
            for level in e
            if local(level) == "lvl"
        }
        self._counts: dict[str, list[int | None]] = {}

    def next_mark(self, number: tuple[str, int]) -> str:
        """The mark of the next item as a reader sees it: `-`, `3.`, `b)`, `2.1`; empty for none."""
        id, level = number
        kind = self._lists.get(id)
        if kind is None:
            return ""
        counts = self._counts.setdefault(kind, [None] * _LEVELS)
        counts[level + 1 :] = [None] * (_LEVELS - level - 1)
        before = counts[level]
        counts[level] = self._start(kind, level) if before is None else before + 1
        settings = self._levels.get((kind, str(level)))
        format = value(child(settings, "numFmt")) or "decimal"
        if format in ("bullet", "none"):
            return "-" if format == "bullet" else ""
        text = value(child(settings, "lvlText")) or f"%{level + 1}."
        return re.sub(
            "%([1-9])", lambda at: self._written(kind, counts, int(at[1]) - 1), text
        ).strip()

    def _start(self, kind: str, level: int) -> int:
        start = value(child(self._levels.get((kind, str(level))), "start"))
        return int(start) if start.isdigit() else 1

    def _written(self, kind: str, counts: list[int | None], level: int) -> str:
        count = counts[level] if counts[level] is not None else self._start(kind, level)
        format = value(child(self._levels.get((kind, str(level))), "numFmt"))
        types = {"lowerLetter": "a", "upperLetter": "A", "lowerRoman": "i", "upperRoman": "I"}
        return numeral(count or 0, types.get(format, "1"))
