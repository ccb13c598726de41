"""Where the content of a page is: what surrounds it is left out, but never the text itself."""

from collections.abc import Callable, Iterable, Iterator

from data_prep.documents.formats.html.elements.headings import heading_level
from data_prep.documents.formats.html.surroundings import (
    is_navigation,
    is_table_of_contents,
    named_around,
    surely_around,
)
from data_prep.documents.formats.html.titles import is_site_name
from data_prep.documents.formats.html.tree import Node

_BIG = 0.6  # of a page: so much is its content, whatever its name says
_FEW = 30  # characters: a page that keeps no more is a list of links, and they are its content
_LITTLE = 200  # characters below headings: a page that says no more may be a table of contents
# names of the element that holds the content, the surest first
_NAMES = (
    "main-content", "maincontent", "main_content", "bodycontent", "mw-content-text", "document", "body",
    "markdown-body", "post-content", "entry-content", "article-body", "article-content", "page-content",
    "rst-content", "bd-content", "doc-content", "docs-content", "content", "content-area", "contents", "main",
    "contentcontainer", "book", "chapter", "refentry",
)  # fmt: skip


class Content:
    """The part of a page to read: `root`, without the elements in `left_out`."""

    def __init__(self, page: Node) -> None:
        self._page = page
        self._nodes = list(page.elements())
        sure, named = _around(page)
        self.left_out = sure | named
        kept = self._kept()
        lost = sum(node.size - node.linked for node in named if not is_navigation(node))
        if kept[page] < lost or kept[page] < _FEW:
            self.left_out = sure
            kept = self._kept()
        elif self._says(kept) < _LITTLE:
            self.left_out = sure | {node for node in named if not is_table_of_contents(node)}
            kept = self._kept()
        if kept[page] <= 0:
            self.left_out = set()
            kept = self._kept()
        self.root = self._main(kept)

    def title_outside(self, title: str) -> Node | None:
        """The heading of the page, where it stands above the content and not in it.

        It comes with what stands in its box, such as the first section of a manual page. The name of
        the site, which `title` has as well, is none.
        """
        inside = [node for node in self._inside() if heading_level(node)]
        if self.root is self._page or any(heading_level(node) == 1 for node in inside):
            return None
        first = inside[0].words() if inside else ""
        for node in _walk(self._page, self._is_beside):
            if heading_level(node) != 1 or not node.size or _leads_away(node):
                continue
            if not is_site_name(node.words(), title, first):
                return self._box(node)
        return None

    def _is_beside(self, node: Node) -> bool:
        """Whether an element holds no title of the page: headers do, menus do not."""
        names = " ".join([node.tag, *node.classes, node.get("id")])
        menu = node in self.left_out and "head" not in names
        return node is self.root or node.tag in _BESIDE or menu

    def _box(self, heading: Node) -> Node:
        box = heading.parent
        if box is None or box.tag != "div" or box in self.left_out or box.linked > box.size / 2:
            return heading
        return heading if any(node is self.root for node in box.elements()) else box

    def _inside(self) -> Iterator[Node]:
        return _walk(self.root, self.left_out.__contains__)

    def _kept(self) -> dict[Node, float]:
        """How much there is to read in each element, without what is left out."""
        kept = {node: node.weight for node in self._nodes}
        lost = dict.fromkeys(self._nodes, 0.0)
        for node in reversed(self._nodes):  # children before their parents
            gone = node.weight if node in self.left_out else lost[node]
            kept[node] -= gone
            if node.parent is not None and gone:
                lost[node.parent] += gone
        return kept

    def _says(self, kept: dict[Node, float]) -> float:
        """How much there is to read below headings."""
        nodes = _walk(self._page, self.left_out.__contains__)
        return kept[self._page] - sum(kept[node] for node in nodes if heading_level(node))

    def _main(self, kept: dict[Node, float]) -> Node:
        root = self._page
        inside = [node for node in _walk(root, self.left_out.__contains__) if kept[node] > 0]
        steps: tuple[tuple[float, Iterable[Node]], ...] = (
            (0.3, (n for n in inside if n.tag == "main" or n.get("role") == "main")),
            (0.6, (n for n in inside if n.tag == "article" or n.get("itemprop") == "articleBody")),
        )
        for share, nodes in steps:
            best = max(nodes, key=kept.__getitem__, default=None)
            if best is not None and kept[best] >= share * kept[root]:
                root = best
        return root if root is not self._page else self._named(inside, kept)

    def _named(self, inside: list[Node], kept: dict[Node, float]) -> Node:
        """The element that is called after its content and holds nearly all of it."""
        found: dict[str, Node] = {}
        for node in inside:
            for name in {*node.classes, node.get("id")} - {""}:
                best = found.get(name.lower())
                if best is None or kept[node] > kept[best]:
                    found[name.lower()] = node
        for name in _NAMES:
            best = found.get(name)
            if best is not None and kept[best] >= _BIG * kept[self._page]:
                return best
        return self._page


_BESIDE = frozenset(("nav", "footer", "aside"))


def _around(page: Node) -> tuple[set[Node], set[Node]]:
    """What is no content by its own word, and what is so by its name."""
    sure: set[Node] = set()
    named: set[Node] = set()
    stack = [(page, False)]
    while stack:
        node, inside = stack.pop()
        inside = inside or node.tag in ("main", "article") or node.get("role") == "main"
        for child in node.children:
            if not isinstance(child, Node):
                continue
            big = child.weight > _BIG * page.weight and not is_navigation(child)
            if big or child.tag == "body":
                stack.append((child, inside))
            elif surely_around(child, inside):
                sure.add(child)
            elif named_around(child):
                named.add(child)
            else:
                stack.append((child, inside or child.tag == "blockquote"))
    return sure, named


def _walk(root: Node, leave_out: Callable[[Node], bool]) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        if leave_out(node):
            continue
        yield node
        stack.extend(child for child in reversed(node.children) if isinstance(child, Node))


def _leads_away(heading: Node) -> bool:
    """Whether a heading is a link to another page, as the name of a site is."""
    links = [node for node in heading.elements() if node.tag == "a" and node.get("href")]
    return heading.linked == heading.size and not any(n.get("href")[:1] == "#" for n in links)
