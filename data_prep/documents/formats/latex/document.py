"""LaTeX -> Markdown: sections, lists, tables and words; formulas stay as they are written."""

import re
import unicodedata
from typing import Any

from data_prep.documents.formats.latex.commands import (
    ACCENTS,
    DROPPED,
    FORMULAS,
    KINDS,
    SECTIONS,
    SIGNS,
    VERBATIM,
)  # fmt: skip
from data_prep.documents.formats.latex.source import Cursor, closing
from data_prep.documents.formats.notices import parts_elsewhere
from data_prep.documents.formats.parsed import Parsed
from data_prep.documents.formats.plain.headings import first_heading
from data_prep.documents.formats.plain.text import fenced
from data_prep.documents.formats.tables.rows import paragraphs
from data_prep.documents.formats.text import decode

_BODY = re.compile(r"^[ \t]*\\begin\s*\{document\}", re.MULTILINE)
_BODY_END = "\\end{document}"
_TOKEN = re.compile(
    r"\\begin\s*\{([^{}\n]{1,60})\}|\\end\s*\{([^{}\n]{1,60})\}|\\([a-zA-Z@]+)\*?[ \t]*\n?|\\(.|\n)"
    r"|(\$\$?)|([{}])|(\n[ \t]*\n\s*)|([^\\${}\n]+|\n)",
    re.DOTALL,
)
_LONG, _VERB = 5000, 500  # characters of a formula, and of code inside a line
_QUOTES = (("``", "“"), ("''", "”"), ("---", "—"), ("--", "–"), ("~", " "))


def parse_latex(data: bytes) -> Parsed:
    """The title is that of `\\title`, else the first section; author and date are metadata."""
    source = decode(data)
    head, body = _split(source)
    title = _argument_of(head, "title") or _argument_of(body, "title")
    named = {name: _argument_of(head, name) for name in ("author", "date")}
    reader = Reader(body)
    text = reader.text()
    metadata: dict[str, Any] = {name: words for name, words in named.items() if words}
    notices = parts_elsewhere(reader.elsewhere, "\\input")
    return Parsed(
        title or first_heading(text), text, metadata=metadata, markdown=True, notices=notices
    )


def _split(source: str) -> tuple[str, str]:
    found = _BODY.search(source)
    if found is None:
        return "", source
    end = source.rfind(_BODY_END)  # others may stand in examples
    return source[: found.start()], source[found.end() : end if end > found.end() else len(source)]


def _argument_of(source: str, command: str) -> str:
    found = re.search(rf"\\{command}\s*(?:\[[^\[\]]*\])?\s*\{{", source)
    if found is None:
        return ""
    end = closing(source, found.end() - 1)
    words = Reader(source[found.end() : end - 1]).text()
    return "" if words.startswith("\\") else " ".join(words.split())


class Reader(Cursor):
    """Reads tokens one after another; what commands need of their arguments is read ahead."""

    def __init__(self, source: str, depth: int = 0) -> None:
        super().__init__(source)
        self.elsewhere = 0  # parts that lie in other files
        self._depth = depth
        self._blocks: list[str] = []
        self._words: list[str] = []
        self._lists: list[str] = []

    def text(self) -> str:
        """Markdown of the whole source."""
        while self._at < len(self._source):
            found = _TOKEN.match(self._source, self._at)
            if found is None:
                break
            self._at = found.end()
            self._token(found)
        self._end()
        return "\n\n".join(self._blocks)

    def _token(self, found: re.Match[str]) -> None:
        begin, end, command, sign, math, _, blank, words = found.groups()
        if begin is not None:
            self._begin(begin)
        elif end is not None:
            self._finish(end)
        elif command is not None:
            self._command(command)
        elif sign is not None:
            self._sign(sign)
        elif math is not None:
            self._formula(math)
        elif blank is not None:
            self._end()
        elif words is not None:
            self._say(words)

    def _say(self, words: str) -> None:
        if "%" in words:
            at = words.index("%")
            line_end = self._source.find("\n", self._at)
            words, self._at = words[:at], len(self._source) if line_end < 0 else line_end + 1
        for written, shown in _QUOTES:
            words = words.replace(written, shown)
        self._words.append(words)

    def _begin(self, name: str) -> None:
        plain = name.rstrip("*")
        if plain in VERBATIM:
            self._end()
            code = self._until(name)
            options = re.match(r"(?:\[[^\]\n]*\]|\{[^}\n]*\})+", code)
            self._blocks.append(fenced(code[options.end() if options else 0 :].strip("\n")))
        elif plain in FORMULAS:
            self._end()
            self._blocks.append(f"$$\n{self._until(name).strip()}\n$$")
        elif plain in ("tabular", "tabularx", "longtable", "tabulary", "supertabular"):
            self._end()
            self._blocks += paragraphs(_rows(self._until(name), self._depth))
        elif plain in ("comment", "tikzpicture", "filecontents", "thebibliography-hidden"):
            self._until(name)
        elif plain in ("itemize", "enumerate", "description", "compactitem"):
            self._end()
            self._lists.append(plain)
            self._optional()
        elif plain == "frame":
            self._optional()
            self._section("frametitle")
        else:
            self._end()
            self._optional()
            if plain in ("minipage", "multicols", "wrapfigure", "adjustbox", "thebibliography"):
                self._argument()

    def _finish(self, name: str) -> None:
        self._end()
        if self._lists and self._lists[-1] == name.rstrip("*"):
            self._lists.pop()

    def _command(self, name: str) -> None:
        kind = KINDS.get(name)
        if kind is not None:
            getattr(self, f"_{kind}")(name)
        elif name in SIGNS:
            self._words.append(SIGNS[name])
        elif name in DROPPED:
            self.elsewhere += name in ("input", "include")
            for _ in range(DROPPED[name]):
                self._optional()
                self._argument()
        elif name in ACCENTS:
            self._accent(ACCENTS[name])
        else:
            self._optional()  # the words in its braces stay

    def _section(self, name: str) -> None:
        self._optional()
        words = " ".join(self._read(self._argument()).split())
        self._end()
        self._blocks += [f"{'#' * SECTIONS[name]} {words}"] if words else []

    def _item(self, _: str) -> None:
        self._end()
        label = self._read(self._optional())
        indent = "  " * max(len(self._lists) - 1, 0)
        self._words = [f"{indent}- {label}{': ' if label else ''}"]

    def _note(self, _: str) -> None:
        self._optional()
        self._words.append(f" ({' '.join(self._read(self._argument()).split())})")

    def _link(self, name: str) -> None:
        """What is shown stands in the second argument."""
        self._optional() if name == "hyperref" else self._argument()

    def _citation(self, _: str) -> None:
        self._optional()
        self._optional()
        self._words.append(f"[{self._argument()}]")

    def _caption(self, _: str) -> None:
        self._optional()
        words = self._read(self._argument())
        self._end()
        self._blocks.append(words)

    def _break(self, _: str) -> None:
        self._end()

    def _sign(self, sign: str) -> None:
        if sign in ACCENTS:
            self._accent(ACCENTS[sign])
        elif sign == "\\":
            self._optional()
            self._words.append("\n")
        elif sign in "([":
            end = self._source.find("\\)" if sign == "(" else "\\]", self._at, self._at + _LONG)
            if end >= 0:
                self._words.append(f"${self._source[self._at : end].strip()}$")
                self._at = end + 2
        else:
            self._words.append("" if sign in "/-@" else " " if sign in " ,;:!\n\t" else sign)

    def _formula(self, mark: str) -> None:
        end = self._source.find(mark, self._at)
        while end > 0 and self._source[end - 1] == "\\":
            end = self._source.find(mark, end + 1)
        if (
            end < 0
            or end - self._at > _LONG
            or (mark == "$" and "\n\n" in self._source[self._at : end])
        ):
            self._words.append(mark)
            return
        self._words.append(f"{mark}{self._source[self._at : end]}{mark}")
        self._at = end + len(mark)

    def _verb(self, _: str) -> None:
        mark = self._source[self._at : self._at + 1]
        stop = self._at + _VERB
        end = self._source.find(mark, self._at + 1, stop) if mark else -1
        line = self._source.find("\n", self._at, stop)
        if end > 0 and (line < 0 or end < line):
            self._words.append(f"`{self._source[self._at + 1 : end]}`")
            self._at = end + 1

    def _accent(self, mark: str) -> None:
        while self._at < len(self._source) and self._source[self._at] in " \t":
            self._at += 1
        letter = self._argument() if self._source[self._at : self._at + 1] == "{" else ""
        if not letter and self._at < len(self._source):
            found = re.compile(r"\\([ij])|(.)", re.DOTALL).match(self._source, self._at)
            letter, self._at = (found[1] or found[2], found.end()) if found else ("", self._at)
        letter = letter.replace("\\i", "i").replace("\\j", "j")
        self._words.append(unicodedata.normalize("NFC", letter[:1] + mark) + letter[1:])

    def _read(self, source: str) -> str:
        return Reader(source, self._depth + 1).text() if self._depth < 10 else source

    def _end(self) -> None:
        text = "".join(self._words)
        self._words = []
        lines = (" ".join(line.split()) for line in text.split("\n"))
        shown = " ".join(line for line in lines if line)
        if shown.strip(" -"):
            indent = re.match(r" *(?=- )", text)
            shown = f"{indent[0] if indent else ''}{shown}"
            self._blocks.append(f"\\{shown}" if re.match(r"#{1,6} ", shown) else shown)


def _rows(source: str, depth: int) -> list[list[str]]:
    """Rows of a tabular between `\\\\`, cells between `&`."""
    source = re.sub(r"^\s*(?:\[[^\]]*\])?(?:\{(?:[^{}]|\{[^{}]*\})*\})+", "", source)
    source = re.sub(
        r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^}]*\}|cmidrule(?:\([^)]*\))?\{[^}]*\})",
        "",
        source,
    )
    source = re.sub(r"\\multi(?:column|row)\{[^{}]*\}\{[^{}]*\}", "", source)
    rows = []
    for line in re.split(r"\\\\(?:\[[^\]]*\])?|\\tabularnewline", source):
        cells = [
            Reader(cell, depth + 1).text() if depth < 10 else cell
            for cell in re.split(r"(?<!\\)&", line)
        ]
        rows.append([" ".join(cell.split()) for cell in cells])
    return rows
