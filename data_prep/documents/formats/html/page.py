"""HTML as Markdown: the content of a page, with its headings, lists, tables and code.

The converter is our own: of the libraries at hand one loses headings and indentation, the other keeps
navigation and breaks tables (measured in data_prep/README.md).
"""

from data_prep.documents.formats.html.content import Content
from data_prep.documents.formats.html.encoding import decode_page
from data_prep.documents.formats.html.render import Renderer
from data_prep.documents.formats.html.titles import (
    declared_title,
    only_forwards,
    page_metadata,
    page_title,
)
from data_prep.documents.formats.html.tree import Node, build
from data_prep.documents.formats.html.writer import Writer
from data_prep.documents.formats.parsed import Parsed, ParseError, clean


def html_text(data: bytes) -> Parsed:
    """Title, content and metadata of a page; its encoding is the one that fits.

    ParseError when the bytes are no text, or the page only sends its readers elsewhere.
    """
    tree, head = build(decode_page(data))
    if only_forwards(head, tree.size):
        raise ParseError("holds no text: it only sends its readers to another page")
    written = content_of(tree, declared_title(head))
    text = clean("\n\n".join(written.blocks))
    title = clean(page_title(head, written.headings))
    return Parsed(title, text, metadata=page_metadata(head), markdown=True)


def html_blocks(markup: str) -> Writer:
    """All of a piece of HTML that is content already, such as a converted document."""
    return Renderer().render([build(markup)[0]])


def content_of(tree: Node, title: str = "") -> Writer:
    """The content of a page, without what surrounds it; `title` as the page declares it."""
    content = Content(tree)
    outside = content.title_outside(title)
    roots = [outside, content.root] if outside else [content.root]
    return Renderer(content.left_out).render(roots)


parse_html = html_text
