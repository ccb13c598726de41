"""Inline elements that are more than their text: pictures, formulas, raised digits, footnotes."""

import re
from collections.abc import Iterator

from data_prep.documents.formats.html.tree import Node
from data_prep.documents.formats.html.writer import collapse

_RAISED = str.maketrans("0123456789+-−–()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁽⁾ⁿ")
_POWER = re.compile(r"[-+−–]?[0-9]{1,4}|[-+−–]|n")
_NOTE = re.compile(r"foot-?note|reference|note-?ref|fn|endnote|citation", re.IGNORECASE)
_FILE = re.compile(
    r"(?:image |picture |figure )?\S{0,200}\.(?:png|jpe?g|gif|svg|webp|bmp|tiff?)|"
    r"image\d*|img|picture|icon|logo|spacer",
    re.IGNORECASE,
)
_TEX = ("application/x-tex", "application/x-latex", "latex", "tex")


def picture(node: Node) -> str:
    """What stands for a picture for people who cannot see it; a file's name is nothing."""
    words = collapse(node.get("alt"))
    return "" if _FILE.fullmatch(words) or node.get("role") in ("presentation", "none") else words


def formula(node: Node) -> str:
    """A formula as its author wrote it in TeX, else its signs."""
    if node.get("alttext"):
        return collapse(node.get("alttext"))
    elements = list(node.elements())
    written = next(
        (e for e in elements if e.tag == "annotation" and e.get("encoding") in _TEX), None
    )
    return written.words() if written else " ".join(_signs(node))


def raised(node: Node) -> str | None:
    """A power in raised digits, a footnote's number in brackets; None for other text."""
    text = node.words(60) if node.size <= 20 else ""
    if not text:
        return None
    if _is_note(node):
        return text if text[0] in "[(*†‡" else f"[{text}]"
    return text.translate(_RAISED) if _POWER.fullmatch(text) else None


def _is_note(node: Node) -> bool:
    elements = [node, *(child for child in node.children if isinstance(child, Node))]
    return any(
        "#" in element.get("href") or _NOTE.search(element.get("class") + element.get("role"))
        for element in elements
    )


def _signs(node: Node) -> Iterator[str]:
    for element in node.elements():
        for child in element.children if element.tag != "annotation" else ():
            yield from child.split() if isinstance(child, str) else ()
