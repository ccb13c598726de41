"""XML: the words of its elements, each with text of its own a paragraph; DocBook and DITA keep headings."""

import re
from collections.abc import Iterable, Iterator
from html.entities import html5
from typing import Any

from data_prep.documents.formats.markup.outline import Outline
from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.parsed import FAULTS, Parsed, clean
from data_prep.documents.formats.plain.headings import first_heading
from data_prep.documents.formats.text import decode, refuse_binary

_SECTIONS = frozenset((
    "book", "part", "chapter", "appendix", "preface", "article", "section", "sect1", "sect2", "sect3",
    "sect4",
    "sect5", "refentry", "refsect1", "refsect2", "refsect3", "refsection", "topic", "concept", "task",
    "reference", "simplesect", "glossary",
))  # fmt: skip
_TITLES = frozenset(("title", "refname"))
_CODE = frozenset(
    (
        "programlisting",
        "screen",
        "literallayout",
        "synopsis",
        "codeblock",
        "code-block",
        "pre",
        "cmdsynopsis",
    )
)
# elements inside a sentence, of DocBook, DITA, TEI and HTML alike
_INLINE = frozenset((
    "emphasis", "literal", "command", "filename", "link", "ulink", "xref", "phrase", "quote", "citetitle",
    "option",
    "replaceable", "varname", "function", "code", "classname", "methodname", "parameter", "userinput",
    "prompt",
    "acronym", "abbrev", "application", "envar", "constant", "type", "systemitem", "guimenu", "guibutton",
    "guilabel", "keycap", "keycombo", "email", "uri", "subscript", "superscript", "footnoteref",
    "trademark", "a",
    "b", "i", "em", "strong", "tt", "span", "sub", "sup", "u", "codeph", "uicontrol", "ph", "term", "hi",
    "ref",
    "firstterm", "computeroutput", "package", "refentrytitle", "manvolnum", "citerefentry", "structfield",
    "wordasword",
))  # fmt: skip
_ROWS = frozenset(("row", "tr", "strow", "sthead"))
_CELLS = frozenset(("entry", "td", "th", "stentry"))
_ITEMS = frozenset(("listitem", "li", "step", "callout"))
_ENOUGH = 0.8  # of the words between tags that a repaired tree must hold
_ENTITY = re.compile(
    rb"<!ENTITY\s+([A-Za-z_][\w.-]{0,60})\s+(?:\"([^\"]{0,1000})\"|'([^']{0,1000})')\s*>"
)
_DECLARED = re.compile(
    rb"<!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)\b"
    rb"(?:\"[^\"]{0,1000}\"|'[^']{0,1000}'|[^\"'<>\[]){0,1000}[>\[](?:\s*\]\s*>)?"
)
_REFERENCE = re.compile(rb"&([A-Za-z_][\w.-]{0,60});")
_HIDDEN = frozenset(("indexterm", "remark", "info-date", "style", "script", "prolog"))


def parse_xml(data: bytes) -> Parsed:
    """Documents (DocBook, DITA) as Markdown, records as `tag: words`; no file or address is fetched.

    Text that is not well formed keeps its words, told by a notice.
    """
    refuse_binary(data)
    root, notices = _root(data)
    if root is None:
        source = _DECLARED.sub(b"", _named_entities(data)[0])
        return Parsed("", _words(decode(source)), notices=notices)
    if _name(root) not in _SECTIONS and root.find(".//{*}para") is None:
        text = clean("\n\n".join(_records(_walk(root))))
        title = next(
            (e.text for e in (*root.iterfind("{*}title"), *root.iterfind("*/{*}title"))), ""
        )
        return Parsed(clean(title or "").strip(), text, notices=notices)
    reader = _Document()
    for event, element in _walk(root):
        reader.start(element) if event == "start" else reader.end(element)
    text = clean(reader.text())
    return Parsed(first_heading(text), text, markdown=True, notices=notices)


def _root(data: bytes) -> tuple[Any, tuple[Notice, ...]]:
    """The outermost element, as far as the text is XML; what was wrong is told by notices."""
    from lxml import etree

    # entities of the file itself are replaced, within the limits that libxml2 sets
    options = {
        "resolve_entities": "internal", "no_network": True, "load_dtd": False, "huge_tree": False,
        "remove_comments": True, "remove_pis": True,
    }  # fmt: skip
    try:
        return etree.fromstring(data, etree.XMLParser(**options)), ()
    except (etree.XMLSyntaxError, *FAULTS) as error:
        reason = " ".join(str(error).split())[:200]
    source, unknown = _named_entities(data)
    if unknown:
        names = ", ".join(f"&{name};" for name in sorted(unknown)[:5])
        what = (
            f"{len(unknown)} names stand for text of other files ({names}); the names are indexed"
        )
        notices: tuple[Notice, ...] = (Notice("parts elsewhere", what),)
    else:
        what = f"not valid XML ({reason}); its words are indexed as far as it can be read"
        notices = (Notice("unreadable structure", what),)
    least = _ENOUGH * len(_words(decode(_DECLARED.sub(b"", source))).split())
    try:
        root = etree.fromstring(source, etree.XMLParser(recover=True, **options))
        # a text that is cut off early by an error keeps its words better as they stand; one with bytes of
        # another encoding is repaired to a tree that cannot be read
        enough = root is not None and len(_read(root).split()) >= least
    except (etree.XMLSyntaxError, *FAULTS):
        enough = False
    return (root, notices) if enough else (None, notices)


def _read(root: Any) -> str:
    """All words of a tree; UnicodeDecodeError where some, in values too, are no text."""
    for element in root.iter():
        element.attrib.values()
    return " ".join(root.itertext())


def _named_entities(data: bytes) -> tuple[bytes, set[str]]:
    """The text without entities of other files: each is replaced by its name, which are given back."""
    defined = {found[1]: found[2] or found[3] or b"" for found in _ENTITY.finditer(data)}
    unknown: set[str] = set()

    def show(found: re.Match[bytes]) -> bytes:
        name = found[1]
        if name in (b"amp", b"lt", b"gt", b"quot", b"apos"):
            return found[0]
        if name in defined and b"&" not in defined[name]:
            return defined[name][:1000]
        sign = html5.get(f"{name.decode()};")
        if sign is None:
            unknown.add(name.decode())
        return (
            name if sign is None else "".join(f"&#{ord(character)};" for character in sign).encode()
        )

    return _REFERENCE.sub(show, data), unknown


def _walk(root: Any) -> Iterator[tuple[str, Any]]:
    from lxml import etree

    yield from etree.iterwalk(root, events=("start", "end"))


def _words(source: str) -> str:
    words = re.sub(r"<[^<>]*>", "\n", source)
    return "\n\n".join(line.strip() for line in words.split("\n") if line.strip())


def _records(events: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """A paragraph for each element that holds others: `tag: words` of those that hold none."""
    lines: list[str] = []
    for event, element in events:
        name = _name(element)
        if event == "start":
            values = [
                f"{_local(key)}: {value}" for key, value in element.attrib.items() if value.strip()
            ]
            if len(element) and lines:
                yield "\n".join(lines)
                lines = []
            words = " ".join((element.text or "").split())
            if len(element):
                lines += values + ([words] if words else [])
            elif words or values:
                lines.append(f"{name}: {', '.join([words, *values] if words else values)}")
        else:
            lines += [tail] if (tail := " ".join((element.tail or "").split())) else []
            if len(element) and lines:
                yield "\n".join(lines)
                lines = []
    if lines:
        yield "\n".join(lines)


class _Document:
    """Collects the words of a document; elements outside of sentences end a paragraph."""

    def __init__(self) -> None:
        self._outline = Outline()
        self._words: list[str] = []
        self._level, self._hidden, self._items = 0, 0, 0
        self._sign = ""
        self._rows: list[list[str]] | None = None
        self._header = 0

    def start(self, element: Any) -> None:
        name = _name(element)
        self._hidden += name in _HIDDEN
        if name not in _INLINE:
            self._flush()
        self._level += name in _SECTIONS
        if name in _ITEMS:
            self._items += 1
            self._sign = "-"
        elif name in ("tgroup", "table", "informaltable", "simpletable"):
            self._rows, self._header = [], 0
        elif name in _ROWS and self._rows is not None:
            self._rows.append([])
        self._words.append("" if self._hidden else element.text or "")

    def end(self, element: Any) -> None:
        name = _name(element)
        if name in _TITLES and _name(element.getparent()) in (
            *_SECTIONS,
            "info",
            "bookinfo",
            "articleinfo",
        ):
            self._outline.heading(self._level, self._taken())
        elif name in _CODE:
            self._outline.code("".join(self._words).split("\n"))
            self._words = []
        elif name in _CELLS and self._rows:
            self._rows[-1].append(self._taken())
        elif name in ("thead", "sthead") and self._rows is not None:
            self._header = len(self._rows)
        elif name in ("tgroup", "table", "informaltable", "simpletable"):
            self._outline.table(self._rows or [], self._header or None)
            self._rows = None
        elif name not in _INLINE:
            self._flush()
        self._level -= name in _SECTIONS
        self._items -= name in _ITEMS
        self._hidden -= name in _HIDDEN
        self._words.append("" if self._hidden else element.tail or "")

    def text(self) -> str:
        self._flush()
        return self._outline.text()

    def _taken(self) -> str:
        words = " ".join("".join(self._words).split())
        self._words = []
        return words

    def _flush(self) -> None:
        if self._rows is not None:
            self._words.append(" ")  # paragraphs inside a cell
            return
        words = self._taken()
        if words and self._sign:
            self._outline.item(words, max(self._items - 1, 0))
            self._sign = ""
        elif words:
            self._outline.say(words)
            self._outline.end()


def _name(element: Any) -> str:
    return (
        _local(element.tag).lower() if element is not None and isinstance(element.tag, str) else ""
    )


def _local(name: str) -> str:
    return name.rpartition("}")[2]
