"""Manual pages (roff with the macros `man` or `mdoc`) -> Markdown."""

import re
import unicodedata

from data_prep.documents.formats.markup.outline import Outline
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.formats.text import decode

_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|(\S+)')
_ESCAPE = re.compile(
    r"\\(?:\(([^\s]{2})|\[([^\]\s]{1,40})\]|\*(?:\((..)|\[([^\]]{0,40})\]|(.))|f(?:\((..)|\[([^\]]{0,40})\]|.)"
    r"|[sSmMgkF](?:[+-]?\d{1,2}|\[[^\]]{0,40}\]|\(..)?|[hvwlLNDbZXoRxH]'[^']{0,200}'|(n)(?:\(..|\[[^\]]{0,40}\]|.)|([^a-zA-Z]|[a-zA-Z]))"
)
_NAMED = {
    "em": "—", "en": "–", "hy": "-", "bu": "•", "co": "©", "rg": "®", "tm": "™", "lq": "“", "rq": "”",
    "oq": "‘", "cq": "’", "aq": "'", "dq": '"', "ga": "`", "ha": "^", "ti": "~", "rs": "\\", "sl": "/",
    "ul": "_", "ba": "|", "mu": "×", "di": "÷", "+-": "±", "<=": "≤", ">=": "≥", "!=": "≠", "->": "→",
    "<-": "←", "de": "°", "mc": "µ", "sc": "§", "ss": "ß", "-u": "-", "at": "@", "sh": "#", "Do": "$",
    "o/": "ø", "oa": "å", "aa": "´", "pl": "+", "eq": "=", "**": "*", "fm": "′", "Eu": "€", "Po": "£",
}  # fmt: skip
# the letter stands after its accent: \\(:u is ü
_ACCENTS = {
    "'": "\u0301",
    "`": "\u0300",
    ":": "\u0308",
    "^": "\u0302",
    "~": "\u0303",
    ",": "\u0327",
    "v": "\u030c",
}
# what stands below the first heading, such as "ls - list files"
# a name ends at a blank or an escape: pod2man writes `.el\{`
_REQUEST = re.compile(r"[.']\s*(\\?[^\s\\]{1,9})\s*(.*)$")
_ALIAS = re.compile(r"^[.']\s*so\s+(\S+)", re.MULTILINE)
_PURPOSE = re.compile(r"\A# [^\n]+\n\n[^\n]{1,200}? [-–—] ([^\n]{1,200})(?:\n|\Z)")
_PLAIN = {
    "e": "\\",
    "-": "-",
    "~": " ",
    " ": " ",
    "0": " ",
    "t": " ",
    "'": "'",
    "`": "`",
    "\\": "\\",
    ".": ".",
}
_FONTS = frozenset(("B", "I", "R", "BR", "RB", "BI", "IB", "IR", "RI", "SM", "SB"))
_HEADINGS = frozenset(("SH", "SS", "Sh", "Ss"))
_LINKS = frozenset(("UR", "MT", "UE", "SY", "OP", "YS"))
_JOINED = frozenset(("BR", "RB", "BI", "IB", "IR", "RI"))
_PARAGRAPH = frozenset(("PP", "P", "LP", "Pp", "sp", "br", "HP", "Ed", "El", "TP", "TQ"))
_CODE_ON = frozenset(("nf", "EX", "Vb", "DS", "CW"))
_CODE_OFF = frozenset(("fi", "EE", "Ve", "DE"))
# requests that set how a page looks, and macros that no reader sees
_SILENT = frozenset((
    "TH", "Dd", "Dt", "Os", "RS", "RE", "ad", "na", "hy", "nh", "ie", "el", "if", "de", "ds", "nr", "so",
    "in",
    "ta", "ll", "ne", "tr", "ft", "ps", "rm", "rn", "am", "ig", "PD", "IX", "UC", "DT", "AT", "Bk", "Ek",
    "Sm",
    "TS", "TE", "EQ", "EN", "lf", "mso", "do", "als", "cs", "fp", "it", "pl", "po", "ss", "vs", "ns", "rs",
    "hw",
    "Bd", "Bl", "rr", "char", "warn", "nop", "blm", "fam", "tm", "ab", "pc", "lc_ctype",
))  # fmt: skip
_MDOC = frozenset((
    "Nm", "Fl", "Ar", "Op", "Cm", "Pa", "Li", "Em", "Sy", "Xr", "Dq", "Sq", "Ql", "Pq", "Ev", "Va",
    "Vt",
    "Ft",
    "Fn", "Fa", "Fd", "In", "Er", "Dv", "Ic", "Ad", "An", "Bx", "Ux", "Nx", "Ox", "Fx", "At", "St", "Lb",
    "Lk",
    "Mt", "Tn", "Brq", "Bq", "Aq", "Oo", "Oc", "Po", "Pc", "Do", "Dc", "So", "Sc", "Qq", "Ns", "No", "Cd",
    "Rv",
    "Ex", "Fo", "Fc", "Xo", "Xc", "Ao", "Ac", "Bo", "Bc", "Bro", "Brc", "Ta", "Pf", "Ap", "Dl", "D1", "Ms",
    "Me",
))  # fmt: skip
_OPEN = {
    "Op": "[]",
    "Dq": "“”",
    "Sq": "‘’",
    "Ql": "‘’",
    "Pq": "()",
    "Brq": "{}",
    "Bq": "[]",
    "Aq": "<>",
    "Qq": '""',
}


def parse_man(data: bytes) -> Parsed:
    """The title is name, section and purpose, `LS(1) - list files`; `.SH` and `.SS` are headings.

    ParseError for a page that only names another one.
    """
    reader, source = _Reader(), decode(data)
    for line in re.sub(r"\\\n", "", source).split("\n"):
        reader.read(line)
    text = reader.finish()
    alias = _ALIAS.search(source)
    if alias and not text.strip():
        raise ParseError(f"only says that its text is that of {alias[1]}")
    about = _PURPOSE.search(text)
    title = f"{reader.title} - {about[1]}" if about and reader.title else reader.title
    metadata = {"section": reader.section} if reader.section else {}
    return Parsed(title, text, metadata=metadata, markdown=True)


class _Reader:
    """Reads request by request."""

    def __init__(self) -> None:
        self.title, self.section = "", ""
        self._outline = Outline()
        self._code: list[str] | None = None
        self._pending = ""  # a macro whose words are the next line
        self._ignored = False  # inside a definition of a macro
        self._rows: list[str] | None = None
        self._name = ""

    def read(self, line: str) -> None:
        if self._ignored:
            self._ignored = line.rstrip() not in ("..", ".END", ".\\}")
        elif re.match(r"[.']\s*\\[\"#]|\\[\"#]", line):
            pass
        elif line[:1] in (".", "'") and (found := _REQUEST.match(line)):
            self._request(found[1], found[2])
        elif self._rows is not None:
            self._rows.append(line)
        elif self._code is not None:
            self._code.append(_words(line))
        else:
            self._say(_words(re.sub(r"\\\".*$", "", line)))

    def finish(self) -> str:
        self._end_code()
        self._end_table()
        return self._outline.text()

    def _request(self, name: str, rest: str) -> None:
        arguments = _arguments(rest)
        if name in ("TH", "Dt"):
            self.section = arguments[1] if len(arguments) > 1 else ""
            self.title = (
                f"{arguments[0]}({self.section})" if self.section else "".join(arguments[:1])
            )
        elif name in _HEADINGS:
            self._end_code()
            self._pending = name
            if arguments:
                self._say(" ".join(arguments))
        elif name in _PARAGRAPH and not (name == "Ed" and self._code is not None):
            self._paragraph(name)
        elif name in ("IP", "It"):
            self._item(arguments, name)
        elif name in _FONTS or name in _MDOC or name in _LINKS or name == "Nd":
            self._marked(name, arguments)
        elif (
            not self._mode(name, arguments) and name not in _SILENT and len(name) > 2 and arguments
        ):
            self._say(" ".join(arguments))  # a macro of the page's own

    def _mode(self, name: str, arguments: list[str]) -> bool:
        """Whether a request begins or ends code, a table or a definition."""
        if name in ("de", "de1", "am", "ig"):
            self._ignored = True
        elif name in _CODE_ON or (name == "Bd" and "-literal" in arguments):
            self._code = self._code or []
        elif name in _CODE_OFF or name == "Ed":
            self._end_code()
        elif name == "TS":
            self._rows = []
        elif name == "TE":
            self._end_table()
        else:
            return False
        return True

    def _marked(self, name: str, arguments: list[str]) -> None:
        if name in _LINKS and name not in ("SY", "OP"):
            arguments = arguments[:1] if name in ("UR", "MT") else []
        if name in _MDOC or name == "Nd":
            words = self._mdoc(name, arguments)
        else:
            words = ("" if name in _JOINED else " ").join(arguments)
        if name in _FONTS and not words:
            return
        if self._code is not None:
            self._code.append(words)
        else:
            self._say(words)

    def _mdoc(self, name: str, arguments: list[str]) -> str:
        """A line of mdoc: macros among the words add their signs."""
        if name == "Nd":
            return f"- {' '.join(arguments)}"
        if name == "Nm":
            self._name = self._name or "".join(arguments[:1])
            arguments = arguments or [self._name]
        parts: list[str] = []
        close = ""
        for word in [name, *arguments]:
            if word in _OPEN:
                opened, closes = tuple(_OPEN[word])
                parts.append(f"\0{opened}")
                close = closes + close
            elif word == "Fl":
                parts.append("\0-")
            elif word not in _MDOC:
                parts.append(word)
        if name == "Xr" and len(arguments) > 1:
            parts[:2] = [f"{arguments[0]}({arguments[1]})"]
        text = " ".join(parts)
        text = re.sub(r"\0(\S) ?", r"\1", text)
        tail = re.search(r"((?: [.,;:)])*)$", text)
        end = tail.start() if tail else len(text)
        return f"{text[:end]}{close}{text[end:].replace(' ', '')}"

    def _item(self, arguments: list[str], name: str) -> None:
        words = " ".join(arguments[:1] if name == "IP" else arguments)
        if name == "It" and arguments and arguments[0] in _MDOC:
            words = self._mdoc(arguments[0], arguments[1:])
        if self._code is not None:
            self._code.append(words)
        elif words in ("•", "-", "*", "o", "·", ""):
            self._outline.end()
            self._pending = "bullet" if words else ""
        else:
            self._outline.end()
            self._outline.say(words)

    def _paragraph(self, name: str) -> None:
        if self._code is not None:
            self._code.append("")
        elif name not in ("br", "TQ"):
            self._outline.end()

    def _say(self, words: str) -> None:
        pending, self._pending = self._pending, ""
        if pending in _HEADINGS:
            self._outline.heading(1 if pending.lower() == "sh" else 2, words)
        elif pending == "bullet":
            self._outline.item(words)
        elif self._code is not None:
            self._code.append(words)
        else:
            self._outline.say(words)

    def _end_code(self) -> None:
        if self._code is not None:
            self._outline.code(self._code)
        self._code = None

    def _end_table(self) -> None:
        """Rows of `tbl`: after the line of formats that ends with a dot, cells between tabs."""
        if self._rows is None:
            return
        lines, self._rows = self._rows, None
        tab = next(
            (found[1] for line in lines if (found := re.search(r"tab\s*\((.)\)", line))), "\t"
        )
        start = next((at + 1 for at, line in enumerate(lines) if line.rstrip().endswith(".")), 0)
        rows = [
            line.split(tab) for line in lines[start:] if line.strip() not in ("_", "=", "T}", "")
        ]
        self._outline.table([[_words(cell.removeprefix("T{")) for cell in row] for row in rows])


def _arguments(rest: str) -> list[str]:
    rest = re.sub(r"\\\".*$", "", rest)
    return [_words((a or b).replace('""', '"')) for a, b in _ARGUMENT.findall(rest)]


def _words(line: str) -> str:
    return _ESCAPE.sub(_shown, line) if "\\" in line else line


def _shown(found: re.Match[str]) -> str:
    named = found[1] or found[2] or found[3] or found[4]
    if named:
        code = re.fullmatch(r"u([0-9A-Fa-f]{4,5})", named)
        quotes = {"lq": "“", "rq": "”"} if found[3] or found[4] else {}
        if code:
            return chr(int(code[1], 16))
        if named not in _NAMED and named[0] in _ACCENTS and len(named) == 2:
            return unicodedata.normalize("NFC", named[1] + _ACCENTS[named[0]])
        return quotes.get(named, _NAMED.get(named, ""))
    if found[5] or found[9] is None:
        return ""
    return _PLAIN.get(found[9], "")
