"""EPUB books: their chapters in reading order, each read like a page of HTML."""

import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from data_prep.documents.formats.html.encoding import decode_page
from data_prep.documents.formats.html.page import content_of
from data_prep.documents.formats.html.tree import build
from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.office.package import Package, below, properties
from data_prep.documents.formats.office.titles import document_title
from data_prep.documents.formats.parsed import Parsed, ParseError, clean, reading

_PAGES = frozenset(("application/xhtml+xml", "text/html", "application/x-dtbook+xml"))


def parse_epub(data: bytes) -> Parsed:
    """Title, chapters and metadata of a book; its pages have no numbers.

    ParseError when it is damaged, encrypted, or larger unpacked than is reasonable. A notice counts
    chapters that are not there or cannot be read.
    """
    package = Package(data)
    with reading("EPUB"):
        place, book = _book(package)
        about = properties(book)
        names = list(_chapters(book, place))
        _refuse_locked(package, names)
        blocks, headings, lost = _read(package, names)
    notices = (Notice("missing chapters", f"{lost:,} of {len(names):,} chapters cannot be read"),)
    title = document_title(about.pop("title", ""), headings)
    text = clean("\n\n".join(blocks))
    return Parsed(title, text, metadata=about, markdown=True, notices=notices if lost else ())


def _book(package: Package) -> tuple[str, Any]:
    """Where the list of the book's parts is, and the list itself."""
    container = package.xml("META-INF/container.xml")
    roots = below(container, "rootfile") if container is not None else iter(())
    named = (str(root.get("full-path", "")) for root in roots)
    place = next((name for name in named if name in package.names), "")
    place = place or next((name for name in sorted(package.names) if name.endswith(".opf")), "")
    book = package.xml(place)
    if book is None:
        raise ParseError("EPUB is damaged: it has no list of its parts")
    return place, book


def _chapters(book: Any, place: str) -> Iterator[str]:
    """Names of the chapters in reading order, each once; lists of contents are none."""
    items = {item.get("id"): item for item in below(book, "item")}
    seen: set[str] = set()
    for reference in below(book, "itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _PAGES:
            continue
        path = unquote(str(item.get("href", "")).partition("#")[0])
        name = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        if name not in seen and "nav" not in str(item.get("properties", "")).split():
            seen.add(name)
            yield name


def _refuse_locked(package: Package, names: list[str]) -> None:
    locks = package.xml("META-INF/encryption.xml")
    places = below(locks, "CipherReference") if locks is not None else iter(())
    locked = {unquote(str(place.get("URI", ""))) for place in places}
    if locked.intersection(names):
        raise ParseError("is encrypted; remove its copy protection first")


def _read(package: Package, names: list[str]) -> tuple[list[str], list[tuple[int, str]], int]:
    """Blocks and headings of all chapters, and how many cannot be read."""
    blocks: list[str] = []
    headings: list[tuple[int, str]] = []
    lost = 0
    for name in names:
        try:
            written = content_of(build(decode_page(package.read(name)))[0])
        except (KeyError, ParseError):
            lost += 1
            continue
        blocks += written.blocks
        headings += written.headings
    return blocks, headings, lost
