"""Texinfo -> Markdown."""

import re

from data_prep.documents.formats.markup.outline import Outline
from data_prep.documents.formats.notices import parts_elsewhere
from data_prep.documents.formats.parsed import Parsed
from data_prep.documents.formats.plain.headings import first_heading
from data_prep.documents.formats.text import decode

_LEVELS = {
    "top": 1, "chapter": 1, "unnumbered": 1, "appendix": 1, "majorheading": 1, "chapheading": 1, "section": 2,
    "unnumberedsec": 2, "appendixsec": 2, "heading": 2, "subsection": 3, "unnumberedsubsec": 3,
    "appendixsubsec": 3, "subheading": 3, "subsubsection": 4, "unnumberedsubsubsec": 4,
    "appendixsubsubsec": 4, "subsubheading": 4,
}  # fmt: skip
_COMMAND = re.compile(r"\s*@([a-zA-Z]+)(?![a-zA-Z{])\s*(.*)$")
_INLINE = re.compile(r"@(\w+)\{([^{}@]*)\}")
_SIGNS = {
    "dots": "...", "bullet": "•", "copyright": "©", "TeX": "TeX", "LaTeX": "LaTeX", "result": "⇒",
    "minus": "-",
    "expansion": "→", "print": "⊣", "error": "error→", "equiv": "≡", "point": "★", "enddots": "...",
    "ss": "ß",
    "registeredsymbol": "®", "euro": "€", "tie": " ", "comma": ",", "atchar": "@", "lbracechar": "{",
    "rbracechar": "}",
}  # fmt: skip
_CODE = frozenset(("code", "samp", "file", "option", "command", "env", "kbd", "key", "verb", "t"))
_LINKS = frozenset(("xref", "pxref", "ref", "inforef", "uref", "url", "link", "email"))
_EXAMPLES = frozenset(
    (
        "example",
        "smallexample",
        "lisp",
        "smalllisp",
        "display",
        "smalldisplay",
        "verbatim",
        "format",
        "smallformat",
    )
)
_HIDDEN = frozenset((
    "ignore", "menu", "detailmenu", "direntry", "copying", "titlepage", "macro", "rmacro", "tex", "iftex",
    "html",
    "ifhtml", "ifnotinfo", "docbook", "ifdocbook", "xml", "ifxml", "documentdescription",
))  # fmt: skip
_PASSES = 6  # of nested commands such as @code{@var{x}}


def parse_texinfo(data: bytes) -> Parsed:
    """The title is `@settitle`, else the first heading; menus and parts for printers are out."""
    reader = _Reader()
    for line in decode(data).split("\n"):
        reader.read(line)
    text = reader.outline.text()
    notices = parts_elsewhere(reader.included, "@include")
    return Parsed(reader.title or first_heading(text), text, markdown=True, notices=notices)


class _Reader:
    """Reads line by line; `_until` names the environment that is open as a whole."""

    def __init__(self) -> None:
        self.outline = Outline()
        self.title = ""
        self.included = 0
        self._until = ""
        self._lines: list[str] = []
        self._values: dict[str, str] = {}
        self._tables: list[str] = []
        self._rows: list[list[str]] = []
        self._header = 0

    def read(self, line: str) -> None:
        found = _COMMAND.match(line)
        name, rest = (found[1], found[2]) if found else ("", "")
        if self._until:
            self._inside(line, name, rest)
        elif name in _HIDDEN or name in _EXAMPLES:
            self._until, self._lines = name, []
        elif name in _LEVELS:
            self.outline.heading(_LEVELS[name], self._words(rest))
        elif name:
            self._command(name, rest, line)
        elif not line.startswith("\\input"):
            self._say(line)

    def _inside(self, line: str, name: str, rest: str) -> None:
        if name != "end" or rest.strip() != self._until:
            self._lines.append(line)
            return
        if self._until in _EXAMPLES:
            shown = [
                line
                for line in self._lines
                if not re.match(r"\s*@(?:group|end group|cindex|kindex|findex|c )", line)
            ]
            self.outline.code(
                [self._words(line, code=True) for line in shown]
                if self._until != "verbatim"
                else self._lines
            )
        self._until = ""

    def _command(self, name: str, rest: str, line: str) -> None:
        if name in ("settitle", "title"):
            self.title = self.title or self._words(rest)
        elif name == "set":
            key, _, value = rest.partition(" ")
            self._values[key] = value
        elif name == "include":
            self.included += 1
        elif name in ("item", "itemx", "tab", "headitem"):
            self._item(name, rest)
        elif name == "end":
            self._end(rest.strip())
        else:
            self._begin(name, rest, line)

    def _begin(self, name: str, rest: str, line: str) -> None:
        if name in ("itemize", "enumerate", "table", "ftable", "vtable", "multitable"):
            self.outline.end()
            self._tables.append(name)
            if name == "multitable":
                self._rows, self._header = [], 0
        elif name.startswith("def") and not name.endswith(("index", "infoenclose")):
            self.outline.end()
            self.outline.say(f"`{self._words(rest, code=True)}`")
        elif name == "center":
            self._say(rest)
        elif _INLINE.match(line.strip()) or name in _SIGNS:
            self._say(line)

    def _item(self, name: str, rest: str) -> None:
        kind = self._tables[-1] if self._tables else ""
        if kind == "multitable":
            if name in ("item", "headitem"):
                self._rows.append([])
                self._header += name == "headitem"
            cells = re.split(r"\s*@tab\s*", rest) if rest else [""]
            if self._rows:
                self._rows[-1] += [self._words(cell) for cell in cells]
        elif kind in ("table", "ftable", "vtable"):
            if name == "item":
                self.outline.end()
            self.outline.say(f"{self._words(rest)}")
        else:
            self.outline.item(self._words(rest), max(len(self._tables) - 1, 0))

    def _end(self, name: str) -> None:
        if self._tables and self._tables[-1] == name:
            self._tables.pop()
            if name == "multitable":
                self.outline.table(self._rows, self._header or None)
                self._rows = []
        self.outline.end()

    def _say(self, line: str) -> None:
        if self._tables and self._tables[-1] == "multitable" and self._rows and line.strip():
            first, *more = [self._words(cell) for cell in line.split("@tab")]
            self._rows[-1] = self._rows[-1] or [""]
            self._rows[-1][-1] = f"{self._rows[-1][-1]} {first}".strip()
            self._rows[-1] += more
        else:
            self.outline.say(self._words(line))

    def _words(self, line: str, code: bool = False) -> str:
        if "@" not in line:
            return line.strip() if not code else line
        line = re.sub(r"(?<!@)@(?:c|comment)(?:\s.*)?$", "", line)
        line = line.replace("@@", "\0a").replace("@{", "\0b").replace("@}", "\0c")
        for _ in range(_PASSES):
            shown = _INLINE.sub(lambda found: self._shown(found, code), line)
            if shown == line:
                break
            line = shown
        line = re.sub(
            r"@([*:.!? -])|@\w+\{\}",
            lambda found: " " if found[1] in ("*", " ") else (found[1] or "").strip(":-"),
            line,
        )
        return line.replace("\0a", "@").replace("\0b", "{").replace("\0c", "}")

    def _shown(self, found: re.Match[str], code: bool) -> str:
        name, inner = found.groups()
        if name in _SIGNS:
            return _SIGNS[name]
        if name == "value":
            return self._values.get(inner, inner)
        if name in _LINKS:
            parts = [part.strip() for part in inner.split(",")]
            return next((part for part in reversed(parts[:3]) if part), "")
        if name in ("anchor", "cindex", "image", "w") and name != "w":
            return ""
        if name in ("footnote",):
            return f" ({inner})"
        return f"`{inner}`" if name in _CODE and not code and "`" not in inner and inner else inner
