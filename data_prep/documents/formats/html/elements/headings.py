"""Which elements are headings, and of which level."""

import re

from data_prep.documents.formats.html.tree import Node

_TAG = re.compile(r"h([1-6])")
_LEVEL = re.compile(r"[1-9]\d?")
_MEMBER = 3  # of a documented function; the groups above it are of level 2
_TITLES = frozenset(("refentrytitle", "headertitle"))


def heading_level(node: Node) -> int:
    """1 to 6, and 0 for what is no heading."""
    tag = _TAG.fullmatch(node.tag)
    if tag and node.get("role") not in ("presentation", "none"):
        return _MEMBER if "memtitle" in node.classes else int(tag[1])
    if node.get("role") == "heading":
        level = _LEVEL.fullmatch(node.get("aria-level").strip())
        return min(int(level[0]), 6) if level else 2
    return _level_by_class(node)


def _level_by_class(node: Node) -> int:
    if "class" not in node.attributes or node.size > 300:
        return 0
    classes = node.classes
    parent = node.parent.classes if node.parent else []
    if node.tag == "div" and "title" in classes and "headertitle" in parent:
        return 1  # Doxygen's title of a page
    if "memtitle" in classes and not node.holds:
        return _MEMBER
    by_name = next((found for name in classes if (found := _TAG.fullmatch(name))), None)
    if node.tag == "span" and by_name:  # of RFCs, inside preformatted text
        return int(by_name[1])
    return 0
