"""Explicit markup of reStructuredText: directives, comments, targets and footnotes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from data_prep.documents.formats.markup.rest_tables import csv_table, list_table
from data_prep.documents.formats.plain.text import fenced

if TYPE_CHECKING:
    from data_prep.documents.formats.markup.rest import Rest

_DIRECTIVE = re.compile(r"\.\. (?:\|[^|]+\| )?([\w+.-]+(?::[\w+.-]+)*) ?::(?:[ \t]+(.*)|[ \t]*)$")
_FOOTNOTE = re.compile(r"\.\. \[([^\]]+)\][ \t]*(.*)$")
_OPTION = re.compile(r":([\w-]+):(?:[ \t]+(.*)|[ \t]*)$")
_CODE = frozenset((
    "code", "code-block", "sourcecode", "parsed-literal", "doctest", "testcode", "testoutput", "prompt",
    "console", "ipython", "jupyter-execute", "productionlist", "math", "highlight-block", "nbplot",
))  # fmt: skip
# markup for programs, navigation and pictures
_SILENT = frozenset((
    "toctree", "contents", "index", "highlight", "highlightlang", "module", "currentmodule", "meta", "raw",
    "role", "default-role", "default-domain", "sectionauthor", "moduleauthor", "codeauthor",
    "tabularcolumns", "class", "sectnum", "section-numbering", "header", "footer", "target-notes",
    "testsetup",
    "testcleanup", "graphviz", "digraph", "graph", "plot", "mermaid", "uml", "plantuml", "blockdiag",
    "title", "restructuredtext-test-directive", "image", "unicode", "date", "program", "bibliography",
    "inheritance-diagram", "minigallery", "skip", "namespace", "push", "pop", "acks-end", "claimed",
))  # fmt: skip
_ELSEWHERE = frozenset((
    "include", "literalinclude", "automodule", "autoclass", "autofunction", "automethod", "autoattribute",
    "autoexception", "autodata", "autosummary", "autodoc", "click", "argparse", "csv-table-file",
))  # fmt: skip
_ADMONITIONS = frozenset((
    "note", "warning", "tip", "hint", "important", "caution", "danger", "error", "attention", "seealso",
    "todo",
))  # fmt: skip
_VERSIONS = {
    "versionadded": "New in version", "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version", "versionremoved": "Removed in version",
    "deprecated-removed": "Deprecated since version",
}  # fmt: skip


def read_directive(rest: "Rest", line: str, content: Sequence[str], depth: int) -> Iterator[str]:
    """Markdown of the explicit markup that begins at `line`; `content` is what is indented below it."""
    found = _DIRECTIVE.match(line)
    if found is None:
        note = _FOOTNOTE.match(line)
        if note:  # else a comment or a target
            yield from rest.blocks([f"[{note[1]}] {note[2]}", *content], depth + 1)
        return
    domain, _, name = found[1].lower().rpartition(":")
    argument = (found[2] or "").strip()
    if name in _ELSEWHERE:
        rest.elsewhere += 1
    elif name in ("image", "figure"):
        yield from _picture(rest, content, depth)
    elif name in _CODE:
        yield from _code(name, argument, content)
    elif name.endswith("-table") or name == "table":
        yield from _table(rest, name, argument, content, depth)
    elif domain or name not in _SILENT:
        yield from _shown(rest, name, argument, content, depth)


def _shown(
    rest: "Rest", name: str, argument: str, content: Sequence[str], depth: int
) -> Iterator[str]:
    if name in _ADMONITIONS:
        label = "See also" if name == "seealso" else name.capitalize()
        inner = list(rest.blocks([argument, *_body(content)], depth + 1))
        yield from ([f"{label}: {inner[0]}", *inner[1:]] if inner else [])
    elif name in _VERSIONS:
        version, _, words = argument.partition(" ")
        inner = list(rest.blocks([words, *_body(content)], depth + 1))
        yield f"{_VERSIONS[name]} {version}{': ' if inner else ''}{inner[0] if inner else ''}"
        yield from inner[1:]
    else:
        inner = list(rest.blocks(_body(content), depth + 1))
        head = rest.words([argument]) if argument else ""
        together = [head, *inner[:1]] if head and not (inner and inner[0][:1] in "#`") else None
        yield from ["\n".join(together), *inner[1:]] if together else [head, *inner]


def _code(name: str, argument: str, content: Sequence[str]) -> Iterator[str]:
    body = _body(content)
    if name in ("math", "productionlist", "parsed-literal"):
        body, argument = ([argument, *body] if argument else body), ""
    code = "\n".join(body).strip("\n")
    if code.strip():
        yield fenced(code, argument)


def _picture(rest: "Rest", content: Sequence[str], depth: int) -> Iterator[str]:
    """The words for people who cannot see a picture, and its caption."""
    alt = _options(content).get("alt", "")
    yield from ([rest.words([alt])] if alt else [])
    yield from rest.blocks(_body(content), depth + 1)


def _table(
    rest: "Rest", name: str, caption: str, content: Sequence[str], depth: int
) -> Iterator[str]:
    options, body = _options(content), _body(content)
    header = (
        int(options.get("header-rows", "0")) if options.get("header-rows", "0").isdigit() else 0
    )
    yield from ([rest.words([caption])] if caption else [])
    if name == "list-table":
        yield from rest.table(*list_table(body, header))
    elif name == "csv-table":
        rest.elsewhere += "file" in options or "url" in options
        yield from rest.table(
            *csv_table(body, options.get("header", ""), header, options.get("delim", ","))
        )
    else:
        yield from rest.blocks(body, depth + 1)


def _options(content: Sequence[str]) -> Mapping[str, str]:
    """The options that stand before the first blank line of a directive."""
    found = {}
    for line in content:
        option = _OPTION.match(line)
        if option is None:
            break
        found[option[1]] = (option[2] or "").strip()
    return found


def _body(content: Sequence[str]) -> list[str]:
    """A directive's content below its options."""
    at = 0
    while at < len(content) and (
        _OPTION.match(content[at]) or (at and content[at].startswith(" "))
    ):
        at += 1
    return list(content[at:])
