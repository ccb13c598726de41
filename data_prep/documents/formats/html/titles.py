"""The title of a page and what it says about itself."""

import re
from collections.abc import Iterable, Iterator

from data_prep.documents.formats.html.tree import Node
from data_prep.documents.formats.html.writer import collapse
from data_prep.documents.formats.titles import is_placeholder

_BETWEEN = re.compile(r"\s+[-–—|·•:/»«<>‹›~]+\s+|\s*[|»«‹›—]\s*|\s*::\s*|:\s+")
_FIRST = 3  # headings that may be the title of a page
_LONGEST = 300  # characters of a title
_DATES = (
    "article:published_time", "datepublished", "dc.date", "dcterms.date", "dcterms.created", "date",
    "dc.date.issued", "article:modified_time", "last-modified",
)  # fmt: skip
_AUTHORS = ("author", "dc.creator", "dcterms.creator", "article:author")


def page_title(head: Iterable[Node], headings: list[tuple[int, str]]) -> str:
    """The title of the page without the name of its site; its first heading where that says more."""
    title = declared_title(head)
    first = next(
        (text for level, text in headings if level == 1), headings[0][1] if headings else ""
    )
    if is_placeholder(title):
        return first or title
    parts = list(_parts(title))
    if len(parts) < 2:
        return title
    named = (text for _, text in headings[:_FIRST] if same_words(text) in parts)
    return next(named, title)


def declared_title(head: Iterable[Node]) -> str:
    """What `title` says, without signs of links."""
    found = next((node for node in head if node.tag == "title"), None)
    return collapse(found.words() if found else "").strip("¶🔗# ")


def is_site_name(text: str, title: str, first: str) -> bool:
    """Whether a heading above the content names the site: the title says it beside `first`, the
    first heading of the content."""
    parts = list(_parts(title))
    return same_words(text) in parts and same_words(first) in parts and text != first


def page_metadata(head: Iterable[Node]) -> dict[str, str]:
    """Author, date and language, where the page gives them."""
    given: dict[str, str] = {}
    for node in head:
        if node.tag == "meta" and node.get("content").strip():
            name = node.get("name") or node.get("property") or node.get("itemprop")
            given.setdefault(name.lower(), collapse(node.get("content")))
    found = {
        "author": next((given[name] for name in _AUTHORS if name in given), ""),
        "date": next((given[name] for name in _DATES if name in given), ""),
        "language": _language(head),
    }
    return {name: value[:200] for name, value in found.items() if value}


def only_forwards(head: Iterable[Node], size: int) -> bool:
    """Whether a page sends its readers elsewhere and says no more."""
    sends = any(
        node.tag == "meta"
        and node.get("http-equiv").lower() == "refresh"
        and "url" in node.get("content").lower()
        for node in head
    )
    return sends and size < 400


def _language(head: Iterable[Node]) -> str:
    for node in head:
        if node.tag in ("html", "body"):
            found = node.get("lang") or node.get("xml:lang")
            if found:
                return found.strip()
    return ""


def same_words(text: str) -> str:
    """Text without signs and case, to compare titles."""
    return " ".join(re.sub(r"[\W_]+", " ", text).lower().split())


def _parts(title: str) -> Iterator[str]:
    """What stands between signs that separate, alone and joined: a heading may hold such a sign."""
    parts = [same_words(part) for part in _BETWEEN.split(title[:_LONGEST])]
    yield from parts
    for end in range(2, len(parts)):
        yield " ".join(parts[:end])
    for start in range(1, len(parts) - 1):
        yield " ".join(parts[start:])
