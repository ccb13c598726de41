"""What every parser returns and raises, and the text rules that hold for all of them.

Text is NFC-normalised once, by `clean`; every offset downstream counts code points of that text. Block
structure becomes blank lines, so that chunks and sentences end where paragraphs do.
"""

import re
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.errors import InputError
from data_prep.chunking.cutter import Span

# what pypdf, lxml and the Office libraries raise on damaged files beside their own errors
FAULTS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, OSError,
    RecursionError, SyntaxError, TypeError, ValueError, zlib.error,
)  # fmt: skip
_HEADING = re.compile(
    r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$|^(\S.*)\n(?:=+|-+)[ \t]*$", re.MULTILINE
)


class ParseError(InputError):
    """A source that cannot become a document; `str()` is the reason in the ledger."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something of an indexed document that is not searched, or not as its author meant it.

    `kind` groups notices in reports (two words, such as `pages without text`), `text` says it of this
    document, with counts.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser found; `pages` holds (page, slide or sheet number, start offset).

    `markdown` says that the text has Markdown structure, whatever the file was; `separate` that pages
    stand for themselves, as slides and sheets do, and no chunk should hold parts of two. `spans`, where the
    text was cut for an embedder, come from the process that runs parsers and not from a parser.
    """

    title: str
    text: str
    pages: tuple[tuple[int, int], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    markdown: bool = False
    separate: bool = False
    notices: tuple[Notice, ...] = ()
    spans: tuple[Span, ...] = ()


def clean(text: str) -> str:
    """NFC, `\\n` line ends, no NUL, no half surrogate pairs."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize(
        "NFC", whole.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    )


def first_heading(text: str) -> str:
    """The first Markdown heading; empty when there is none."""
    heading = _HEADING.search(text)
    return (heading[1] or heading[2]) if heading else ""


def join_pages(title: str, texts: Sequence[str], metadata: Mapping[str, Any]) -> Parsed:
    """Pages joined by a blank line; a page without text has no offset."""
    pages, parts, offset = [], [], 0
    for number, text in enumerate(texts, 1):
        if text:
            pages.append((number, offset))
            parts.append(text)
            offset += len(text) + 2
    return Parsed(title, "\n\n".join(parts), tuple(pages), metadata)
