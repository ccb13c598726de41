"""Bytes of a source -> Document: title, text and page offsets.

Text is NFC-normalised once, here; every offset downstream counts code points of this text. Block
structure becomes blank lines, so that chunks and sentences end where paragraphs do. Files are
hostile input to large third-party parsers: whatever those raise becomes a ParseError with a reason,
one document lost and never the job.
"""

import io
import json
import logging
import re
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.errors import InputError
from cluster.records import Document
from data_prep.sources import Format, Source

TITLE_CHARS = 300
_HEADING = re.compile(
    r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$|^(\S.*)\n(?:=+|-+)[ \t]*$", re.MULTILINE
)
_BLANK = re.compile(r"\n[ \t]*\n\s*")
# left out by name: on short pages the extractor keeps everything else it finds
_BESIDE = ("//nav", "//footer")
# a line this much shorter than the page's longest one ends a paragraph
_SHORT_LINE = 0.7
# what pypdf and lxml raise on damaged files beside their own errors
_FAULTS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, OSError,
    RecursionError, TypeError, ValueError, zlib.error,
)  # fmt: skip


class ParseError(InputError):
    """A source that cannot become a document; `str()` is the reason in the ledger."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a format's parser finds; `pages` holds (page number, start offset)."""

    title: str
    text: str
    pages: tuple[tuple[int, int], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


def parse(source: Source, data: bytes) -> Document:
    """Parse one source; ParseError when there is no text to be had."""
    parsed = _PARSERS[source.format](data)
    if not parsed.text.strip():
        raise ParseError("holds no text" + _scan_hint(parsed))
    title = " ".join(parsed.title.split())[:TITLE_CHARS]
    return Document(
        doc_id=source.doc_id,
        uri=source.uri,
        title=title,
        text=parsed.text,
        content_hash=source.content_hash,
        pages=parsed.pages,
        metadata=parsed.metadata,
    )


def _markdown(data: bytes) -> Parsed:
    text = _decode(data)
    heading = _HEADING.search(text)
    return Parsed((heading[1] or heading[2]) if heading else "", text)


def _text(data: bytes) -> Parsed:
    return Parsed("", _decode(data))


def _record(data: bytes) -> Parsed:
    record = json.loads(data)
    return Parsed(
        _clean(record.get("title", "")), _clean(record["text"]), (), record.get("metadata", {})
    )


def _html(data: bytes) -> Parsed:
    """The main text without navigation and footers; one block a paragraph."""
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    try:
        page = trafilatura.bare_extraction(
            data,
            with_metadata=True,
            include_comments=False,
            include_tables=True,
            favor_recall=True,
            prune_xpath=list(_BESIDE),
        )
    except _FAULTS as error:
        raise ParseError(f"not readable as HTML: {error}") from error
    if page is None:
        return Parsed("", "")
    blocks = (line.strip() for line in _clean(page.text or "").split("\n"))
    return Parsed(_clean(page.title or ""), "\n\n".join(block for block in blocks if block))


def _pdf(data: bytes) -> Parsed:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ParseError("PDF is encrypted; remove its password first")
        texts = [_paragraphs(_clean(page.extract_text())) for page in reader.pages]
        title = _clean(str(reader.metadata.get("/Title") or "") if reader.metadata else "")
    except (PyPdfError, DependencyError, *_FAULTS) as error:
        raise ParseError(f"PDF is damaged: {error or type(error).__name__}") from error
    return _paged(title, texts)


def _paged(title: str, texts: list[str]) -> Parsed:
    """Pages joined by a blank line; a page without text has no offset."""
    pages, parts, offset = [], [], 0
    for number, text in enumerate(texts, 1):
        if text:
            pages.append((number, offset))
            parts.append(text)
            offset += len(text) + 2
    return Parsed(title, "\n\n".join(parts), tuple(pages), {"pages": len(texts)})


def _paragraphs(page: str) -> str:
    """Lines of a page joined to paragraphs, with single spaces inside and blank lines between."""
    blocks = [block.split("\n") for block in _BLANK.split(page.strip())]
    width = max((len(line) for block in blocks for line in block), default=0)
    paragraphs = [paragraph for block in blocks for paragraph in _join(block, width)]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _join(lines: list[str], width: int) -> list[str]:
    """PDFs keep no paragraphs: one ends at a short line before a line that begins a sentence."""
    paragraphs: list[list[str]] = [[]]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        paragraphs[-1].extend(line.split())
        begins = following.lstrip()[:1]
        if len(line.rstrip()) < width * _SHORT_LINE and not begins.islower():
            paragraphs.append([])
    return [" ".join(words) for words in paragraphs]


def _decode(data: bytes) -> str:
    try:
        return _clean(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(data).best()
        if best is None:
            raise ParseError("not text: no character encoding fits") from None
        return _clean(str(best))


def _clean(text: str) -> str:
    """NFC, `\\n` line ends, no NUL, no half surrogate pairs."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize(
        "NFC", whole.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    )


def _scan_hint(parsed: Parsed) -> str:
    pages = parsed.metadata.get("pages") if not parsed.pages else None
    return f" ({pages} pages, probably scanned images: run OCR first)" if pages else ""


_PARSERS: Mapping[Format, Callable[[bytes], Parsed]] = {
    "markdown": _markdown,
    "text": _text,
    "html": _html,
    "pdf": _pdf,
    "record": _record,
}
