"""The title of a page and what it says about itself."""

import re
from collections.abc import Iterable, Iterator

from data_prep.documents.formats.html.tree import Node
from data_prep.documents.formats.html.writer import collapse

_BETWEEN = re.compile(r"\s+[-–—|·•:/»«<>‹›~]+\s+|\s*[|»«‹›—]\s*|\s*::\s*|:\s+")
_GENERIC = re.compile(
    r"(?:untitled|untitled document|no title|new page(?: \d+)?|document|title|index(?:\.html?)?|home|"
    r"home ?page|welcome|page \d+|default|\S+\.html?|unbenanntes dokument|sans titre|)",
    re.IGNORECASE,
)
_DATES = (
    "article:published_time", "datepublished", "dc.date", "dcterms.date", "dcterms.created", "date",
    "dc.date.issued", "article:modified_time", "last-modified",
)  # fmt: skip
_AUTHORS = ("author", "dc.creator", "dcterms.creator", "article:author")


def page_title(head: Iterable[Node], headings: list[tuple[int, str]]) -> str:
    """The title of the page without the name of its site; its first heading where that says more."""
    found = next((node for node in head if node.tag == "title"), None)
    title = collapse(found.words() if found else "").strip("¶🔗# ")
    first = next(
        (text for level, text in headings if level == 1), headings[0][1] if headings else ""
    )
    if _GENERIC.fullmatch(title):
        return first or title
    if not first or _same(first) == _same(title):
        return title
    parts = [_same(part) for part in _BETWEEN.split(title)]
    return first if len(parts) > 1 and _same(first) in _joined(parts) else title


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


def _same(text: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", text).lower().split())


def _joined(parts: list[str]) -> Iterator[str]:
    """Beginnings of the title, and each part: a heading may hold the sign that separates."""
    yield from parts
    for end in range(2, len(parts)):
        yield " ".join(parts[:end])
    for start in range(1, len(parts) - 1):
        yield " ".join(parts[start:])
