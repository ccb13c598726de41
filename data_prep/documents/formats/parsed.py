"""What every parser returns and raises, and the text rules that hold for all of them.

Text is NFC-normalised once, by `clean`; every offset downstream counts code points of that text. Block
structure becomes blank lines, so that chunks and sentences end where paragraphs do.
"""

import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cluster.errors import InputError
from data_prep.chunking.cutter import Span
from data_prep.documents.formats.notices import Notice

# what pdfium, lxml and the Office libraries raise on damaged files beside their own errors
FAULTS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, OSError,
    RecursionError, SyntaxError, TypeError, ValueError, zlib.error,
)  # fmt: skip
# spaces of other widths, and line ends that only Unicode has
_SPACES = dict.fromkeys(
    map(
        ord, "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
    ),
    " ",
)
_LINE_ENDS = dict.fromkeys(map(ord, "\v\f\u0085\u2028\u2029"), "\n")
# nothing that a reader sees: hyphens where a line may end, marks of direction and byte order, joiners
_UNSEEN = dict.fromkeys(
    map(
        ord,
        "\0\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff",
    )
)
_FOLDED = str.maketrans({**_SPACES, **_LINE_ENDS, **_UNSEEN})
# the space without width parts words in scripts of South-East Asia, and nothing elsewhere; letters of the
# block "tags" are a hidden text, but for the flags that emoji make of them
_WORD_PARTED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_HIDDEN = re.compile(
    f"(?<![{_WORD_PARTED}])\u200b|\u200b(?![{_WORD_PARTED}])"
    "|(?<![\U0001f3f4\U000e0000-\U000e007f])[\U000e0000-\U000e007f]+"
)


class ParseError(InputError):
    """A source that cannot become a document; `str()` is the reason in the ledger, on one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(one_line(reason))


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


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Faults of libraries inside become a ParseError that says that `what` is damaged, and why."""
    try:
        yield
    except FAULTS as error:
        reason = str(error)[:200] or type(error).__name__
        raise ParseError(f"{what} is damaged: {reason}") from error


def clean(text: str) -> str:
    """What a reader sees: NFC, `\\n` line ends, plain spaces, no half surrogate pairs.

    Characters without width or ink are out (soft hyphens, byte order marks, marks of direction), so that
    words are found; those that a script needs to join its letters stay.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return text.translate(_FOLDED) if any(mark in text for mark in "\0\v\f") else text
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", _HIDDEN.sub("", whole.translate(_FOLDED)))


def one_line(text: str) -> str:
    """A title or a message that may quote a hostile file, as one line that any terminal shows."""
    return " ".join(_CONTROLS.sub(" ", clean(text)).split())


def join_pages(title: str, texts: Sequence[str], metadata: Mapping[str, Any]) -> Parsed:
    """Pages joined by a blank line; a page without text has no offset."""
    pages, parts, offset = [], [], 0
    for number, text in enumerate(texts, 1):
        if text:
            pages.append((number, offset))
            parts.append(text)
            offset += len(text) + 2
    return Parsed(title, "\n\n".join(parts), tuple(pages), metadata)
