"""Bytes of a page -> a tree of what a reader can see, with the size of its text.

libxml2 reads the tags (by its events: its own trees end at 2,048 levels, with all that follows). What
no reader sees, such as scripts, hidden elements and permalink signs, is not in the tree.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from data_prep.documents.formats.html.visibility import is_invisible

MAX_DEPTH = 1000
_PIECE = 1 << 16
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,30})")
_ABOUT = frozenset(("html", "body", "title", "meta"))
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))


@dataclass(slots=True, eq=False)
class Node:
    """An element. `size` counts characters that are no white space, `linked` those in links.

    `holds` names the tags below it that change how it is read: tables, headings, code.
    """

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node | str"] = field(default_factory=list)
    size: int = 0
    linked: int = 0
    holds: frozenset[str] = frozenset()
    parent: "Node | None" = None

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def weight(self) -> float:
        """How much there is to read: text in links counts a quarter."""
        return self.size - 0.75 * self.linked

    def elements(self) -> Iterator["Node"]:
        """All elements below this one and itself, in reading order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(child for child in reversed(node.children) if isinstance(child, Node))

    def words(self, limit: int = 1000) -> str:
        """The text below, white space collapsed, of at most about `limit` characters."""
        found: list[str] = []
        stack: list[Node | str] = [self]
        while stack and limit > 0:
            item = stack.pop()
            if isinstance(item, str):
                found.append(item)
                limit -= len(item)
            else:
                stack.extend(reversed(item.children))
        return " ".join("".join(found).split())


class TooDeep(Exception):
    """More levels than any author writes."""


def build(text: str) -> tuple[Node, list[Node]]:
    """The visible tree of a page, and the elements that tell of it: title, meta, html, body."""
    try:
        return _parse(text, MAX_DEPTH)
    except TooDeep:
        return _parse(_balanced(text), None)


def _parse(text: str, depth: int | None) -> tuple[Node, list[Node]]:
    from lxml import etree

    builder = _Builder(depth)
    parser = etree.HTMLParser(target=builder, encoding="utf-8", huge_tree=True, no_network=True)
    data = text.encode("utf-8", "replace") or b" "
    for start in range(0, len(data), _PIECE):  # in pieces, for an error ends at the end of one
        parser.feed(data[start : start + _PIECE])
    parser.close()
    return builder.root, builder.head


def _balanced(text: str) -> str:
    """Without end tags that close nothing: each would be looked up in all levels above it."""
    opened: dict[str, int] = {}

    def keep(tag: re.Match[str]) -> str:
        name = tag[2].lower()
        opened[name] = opened.get(name, 0) + (-1 if tag[1] else 1)
        if opened[name] >= 0:
            return tag[0]
        opened[name] = 0
        return "<!" + tag[0][2:]

    return _TAG.sub(keep, text)


class _Builder:
    """Target of libxml2's events."""

    def __init__(self, depth: int | None) -> None:
        self.root = Node("html")
        self.head: list[Node] = []
        self._open = [self.root]
        self._depth = depth

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2].lower() if ":" in tag else tag
        parent = self._open[-1]
        node = Node(name, dict(attributes), parent=parent)
        if name in _ABOUT:
            self.head.append(node)
        self._open.append(node)
        if self._depth is not None and len(self._open) > self._depth:
            raise TooDeep

    def end(self, tag: str) -> None:
        if len(self._open) == 1:
            return
        node = self._open.pop()
        if is_invisible(node.tag, node.attributes, _short_text(node)):
            return
        parent = self._open[-1]
        parent.children.append(node)
        parent.size += node.size
        parent.linked += node.size if node.tag == "a" and "href" in node.attributes else node.linked
        parent.holds |= node.holds
        if node.tag in ("table", "pre"):
            parent.holds |= {node.tag}
        elif (
            node.tag in _HEADINGS or node.get("role") == "heading" or "headertitle" in node.classes
        ):
            parent.holds |= {"heading"}

    def data(self, text: str) -> None:
        node = self._open[-1]
        node.children.append(text)
        node.size += sum(map(len, text.split()))

    def comment(self, text: str) -> None:
        pass

    def close(self) -> None:
        while len(self._open) > 1:
            self.end("")


def _short_text(node: Node) -> str | None:
    """The text of a small element; None when it holds more than a sign or a few words."""
    if node.size > 40 or len(node.children) > 4 or node.tag not in ("a", "button", "span"):
        return None
    return node.words()
