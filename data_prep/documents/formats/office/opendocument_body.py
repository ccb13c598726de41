"""Paragraphs, lists, tables and notes of an OpenDocument text as HTML."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from data_prep.documents.formats.html.elements.tables import FIND
from data_prep.documents.formats.office.package import below, local, value

# deleted text, remarks, lists of contents, settings
_UNSEEN = frozenset((
    "tracked-changes", "annotation", "annotation-end", "table-of-content", "illustration-index",
    "table-index", "sequence-decls", "variable-decls", "user-field-decls", "forms", "scripts",
    "event-listeners", "ruby-text", "shapes", "covered-table-cell", "hidden-text", "title", "desc",
    "note-citation", "glue-point",
))  # fmt: skip
_CODE = frozenset(("Preformatted_20_Text", "Source_20_Code", "Source_20_Text_20_Block"))
_MAX_SPACES, _MAX_SPAN = 200, 100
_TYPES = frozenset(("1", "a", "A", "i", "I"))


class Body:
    """Writes the content in reading order; `roots` hold the styles. Notes come last."""

    def __init__(self, roots: Sequence[Any]) -> None:
        self.notes: list[tuple[str, str]] = []
        self.undescribed = 0
        self._parents: dict[str, str] = {}
        self._ordered: dict[
            str, list[str]
        ] = {}  # list style -> types of its levels, "" for bullets
        self._lists: list[str] = []
        for root in roots:
            for style in below(root, "style"):
                self._parents.setdefault(value(style, "name"), value(style, "parent-style-name"))
            for style in below(root, "list-style"):
                self._ordered.setdefault(value(style, "name"), [_type(level) for level in style])

    def html(self, part: Any) -> str:
        """An element with what is below it."""
        name = local(part)
        if name in _UNSEEN:
            return ""
        write = _WRITERS.get(name)
        return write(self, part) if write else self._inside(part)

    def _inside(self, part: Any) -> str:
        pieces = [escape(part.text or "") if local(part) in _TEXT else ""]
        for child in part:
            pieces.append(self.html(child))
            if local(part) in _TEXT:
                pieces.append(escape(child.tail or ""))
        return "".join(pieces)

    def _styles(self, part: Any) -> list[str]:
        """The style of a paragraph and those that it is derived from."""
        name, chain = value(part, "style-name"), list[str]()
        while name and name not in chain and len(chain) < 20:
            chain.append(name)
            name = self._parents.get(name, "")
        return chain

    def _paragraph(self, part: Any) -> str:
        styles = self._styles(part)
        text = self._inside(part)
        if "Title" in styles:
            return f"<h1>{text}</h1>"
        if _CODE.intersection(styles):
            return f"<pre>\n{text}</pre>"
        return f"<p>{text}</p>" if text.strip() else ""

    def _heading(self, part: Any) -> str:
        level = value(part, "outline-level")
        number = min(int(level), 6) if level.isdigit() and int(level) > 0 else 1
        return f"<h{number}>{self._inside(part)}</h{number}>"

    def _list(self, part: Any) -> str:
        style = value(part, "style-name") or (self._lists[-1] if self._lists else "")
        self._lists.append(style)
        types = self._ordered.get(style, [])
        type = types[len(self._lists) - 1] if len(self._lists) <= len(types) else ""
        items = "".join(
            f"<li>{self._inside(item)}</li>" for item in part if local(item) == "list-item"
        )
        headers = "".join(self._inside(item) for item in part if local(item) == "list-header")
        self._lists.pop()
        written = f'<ol type="{type}">{items}</ol>' if type else f"<ul>{items}</ul>"
        return headers + (written if items else "")

    def _table(self, part: Any) -> str:
        head = {
            row for found in below(part, "table-header-rows") for row in below(found, "table-row")
        }
        lists, self._lists = self._lists, []
        rows = "".join(
            self._row(row, "th" if row in head else "td")
            for row in below(part, "table-row")
            if _table_of(row) is part
        )
        self._lists = lists
        return f"<table {FIND}>{rows}</table>"

    def _row(self, row: Any, tag: str) -> str:
        cells = []
        for cell in row:
            if local(cell) == "table-cell":
                wide, high = (
                    _count(cell, "number-columns-spanned"),
                    _count(cell, "number-rows-spanned"),
                )
                text = f'<{tag} colspan="{wide}" rowspan="{high}">{self._inside(cell)}</{tag}>'
                cells.append(text * (_count(cell, "number-columns-repeated") if wide == 1 else 1))
        return f"<tr>{''.join(cells)}</tr>"

    def _note(self, part: Any) -> str:
        mark = "".join("".join(found.itertext()) for found in below(part, "note-citation")).strip()
        mark = f"[{mark or len(self.notes) + 1}]"
        words = "".join(self.html(found) for found in below(part, "note-body"))
        self.notes.append((mark, words.removeprefix("<p>")))
        return f"<sup>{escape(mark)}</sup>"

    def _frame(self, part: Any) -> str:
        boxes = "".join(f"<div>{self._inside(box)}</div>" for box in below(part, "text-box"))
        pictures = sum(1 for _ in below(part, "image"))
        described = (found.text or "" for name in ("desc", "title") for found in below(part, name))
        words = next((text for text in described if text.strip()), "")
        self.undescribed += pictures if not words and not boxes else 0
        return boxes + (f'<img alt="{escape(words)}">' if words and pictures else "")

    def _spaces(self, part: Any) -> str:
        return " " * _count(part, "c", _MAX_SPACES)


# elements whose own characters are text
_TEXT = frozenset((
    "p", "h", "span", "a", "ruby", "ruby-base", "meta", "meta-field", "bookmark-ref", "date", "time",
    "sequence", "page-number", "author-name", "chapter", "reference-ref", "note-ref", "file-name",
    "user-field-get", "variable-set", "variable-get", "expression", "placeholder", "user-defined",
    "text-input", "conditional-text", "subject", "creator", "initial-creator", "sheet-name",
))  # fmt: skip
_WRITERS: dict[str, Callable[[Body, Any], str]] = {
    "p": Body._paragraph,
    "h": Body._heading,
    "list": Body._list,
    "table": Body._table,
    "note": Body._note,
    "frame": Body._frame,
    "s": Body._spaces,
    "tab": lambda body, part: "\t",
    "line-break": lambda body, part: "<br>",
}


def _type(level: Any) -> str:
    """How a level of a list is numbered; empty for bullets."""
    if local(level) != "list-level-style-number":
        return ""
    format = value(level, "num-format")
    return format if format in _TYPES else "1"


def _count(part: Any, name: str, most: int = _MAX_SPAN) -> int:
    found = value(part, name)
    return min(max(int(found), 1), most) if found.isdigit() else 1


def _table_of(row: Any) -> Any:
    return next(row.iterancestors("{*}table"), None)
