"""Preformatted text to the character: indentation and blank lines stay."""

import re
from collections.abc import Iterator

from data_prep.documents.formats.html.elements.headings import heading_level
from data_prep.documents.formats.html.tree import Node

_LINES = frozenset(("div", "p", "li", "tr", "dt", "dd"))
_NUMBERS = frozenset(("ln", "gutter"))
_NO_BREAK = str.maketrans("\u00a0", " ")


def code_parts(pre: Node) -> Iterator[tuple[int, str]]:
    """(0, text) for code and (level, text) for headings that stand inside of it."""
    pieces: list[str] = []
    for level, text in _pieces(pre):
        if level:
            yield from _code(pieces)
            pieces = []
            yield level, text
        else:
            pieces.append(text)
    yield from _code(pieces)


def is_listing(node: Node) -> bool:
    """Whether an element without `pre` shows its text as one: Doxygen's fragments, white-space."""
    if node.tag == "div" and "fragment" in node.classes:
        return any(isinstance(child, Node) and "line" in child.classes for child in node.children)
    style = node.get("style")
    return node.tag == "div" and bool(style) and bool(re.search(r"white-space\s*:\s*pre\b", style))


def _code(pieces: list[str]) -> Iterator[tuple[int, str]]:
    text = "".join(pieces).translate(_NO_BREAK).removeprefix("\n").rstrip()
    if text.strip():
        yield 0, text.lstrip("\n") if not text[:1].strip() and "\n" in text else text


def _pieces(pre: Node) -> Iterator[tuple[int, str]]:
    stack: list[Node | str] = list(reversed(pre.children))
    ended = True  # whether the last piece ended its line
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            ended = item.endswith("\n")
            yield 0, item
        elif (level := heading_level(item)) or not _NUMBERS.isdisjoint(item.classes):
            if level:
                yield level, item.words()
        elif item.tag == "br":
            yield 0, "\n"
            ended = True
        else:
            if item.tag in _LINES:
                if not ended:
                    yield 0, "\n"
                stack.append("\n")
                ended = True
            stack.extend(reversed(item.children))
