"""A tree of HTML as blocks of Markdown, in reading order and without recursion."""

from collections.abc import Callable, Collection, Iterable, Iterator

from data_prep.documents.formats.html.elements.code import code_parts, is_listing
from data_prep.documents.formats.html.elements.headings import heading_level
from data_prep.documents.formats.html.elements.inline import formula, picture, raised
from data_prep.documents.formats.html.elements.lists import Markers
from data_prep.documents.formats.html.elements.tables import (
    caption,
    data_rows,
    row_paragraphs,
    strays,
)
from data_prep.documents.formats.html.tree import Node
from data_prep.documents.formats.html.writer import Writer, collapse

_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog",
    "dir", "div", "dl", "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "hr",
    "html", "legend", "li", "main", "menu", "nav", "p", "section", "summary", "table", "tbody", "td",
    "tfoot", "th", "thead", "tr",
))  # fmt: skip
# inside a heading these are no part of it: its end tag is missing
_ENDS_HEADING = frozenset(
    ("p", "ul", "ol", "dl", "table", "pre", "blockquote", "section", "article")
)
_HEAD = frozenset(("head", "title", "meta"))

Exit = Callable[[], None]


class Renderer:
    """Writes the elements below a root, but not those in `left_out`."""

    def __init__(self, left_out: Collection[Node] = (), writer: Writer | None = None) -> None:
        self.writer = writer or Writer()
        self._left_out = left_out
        self._links = 0
        self._markers: list[Markers] = []

    def render(self, items: Iterable[Node | str]) -> Writer:
        """The writer, after all of `items`."""
        stack: list[tuple[Iterator[Node | str], Exit | None]] = [(iter(items), None)]
        while stack:
            children, leave = stack[-1]
            item = next(children, None)
            if item is None:
                stack.pop()
                if leave:
                    leave()
            elif isinstance(item, str):
                self.writer.text(item, self._links > 0)
            elif item not in self._left_out and item.tag not in _HEAD and not self._leaf(item):
                stack.append((iter(item.children), self._enter(item)))
        self.writer.end_heading()
        return self.writer

    def _leaf(self, node: Node) -> bool:
        """Write an element that is read as a whole; False when its children are to be walked."""
        match node.tag:
            case "br":
                self.writer.line_break()
            case "img":
                self.writer.text(picture(node), self._links > 0)
            case "math":
                self.writer.text(formula(node))
            case "pre" | "listing" | "xmp" | "plaintext":
                self._code(node)
            case "table":
                return self._table(node)
            case "sup":
                return self._raised(node)
            case "div":
                return self._listing(node)
            case _:
                return False
        return True

    def _enter(self, node: Node) -> Exit | None:
        level = heading_level(node)
        if level:
            self.writer.begin_heading(level)
            return self.writer.end_heading
        match node.tag:
            case "ul" | "ol" | "dir" | "menu":
                return self._list(node)
            case "li" if self._markers:
                self.writer.begin_item(self._markers[-1].of(node))
                return self.writer.end_block
            case "dt":
                self._border(node.tag)
                return lambda: self.writer.end_block(term=True)
            case "a":
                return self._link(node)
            case "q":
                self.writer.text("“")
                return lambda: self.writer.text("”")
        if node.tag in _BLOCKS or "display:block" in node.get("style").replace(" ", ""):
            self._border(node.tag)
            return lambda: self._border(node.tag)
        return None

    def _border(self, tag: str) -> None:
        if self.writer.in_heading and tag not in _ENDS_HEADING:
            self.writer.space()
        else:
            self.writer.end_block()

    def _list(self, node: Node) -> Exit:
        self.writer.begin_list()
        self._markers.append(Markers(node))

        def leave() -> None:
            self._markers.pop()
            self.writer.end_list()

        return leave

    def _link(self, node: Node) -> Exit | None:
        if "href" not in node.attributes:
            return None
        self._links += 1

        def leave() -> None:
            self._links -= 1

        return leave

    def _code(self, node: Node) -> None:
        for level, text in code_parts(node):
            if level:
                self.writer.begin_heading(level)
                self.writer.text(text)
                self.writer.end_heading()
            else:
                self.writer.code(text)

    def _listing(self, node: Node) -> bool:
        found = is_listing(node)
        if found:
            self._code(node)
        return found

    def _raised(self, node: Node) -> bool:
        text = raised(node)
        if text:
            self.writer.text(text)
        return text is not None

    def _table(self, node: Node) -> bool:
        rows = data_rows(node)
        if rows is None:
            return False
        title = caption(node)
        loose: list[Node | str] = strays(node)
        named: list[Node | str] = [title] if title else []
        for before in (loose, named):
            if before:
                self.writer.end_block()
                self.writer.text(self._flat(before))
        self.writer.rows(row_paragraphs(node, rows, self._cell))
        return True

    def _cell(self, cell: Node) -> str:
        """The text of a cell on one line; a table of data holds no other table."""
        return self._flat(cell.children)

    def _flat(self, items: list[Node | str]) -> str:
        inside = Renderer(self._left_out, Writer(flat=True))
        return collapse(" ".join(inside.render(items).blocks))
