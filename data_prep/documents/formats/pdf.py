"""PDF by its text layer (pypdf): pages, and lines joined to paragraphs."""

import io
import logging
import re

from data_prep.documents.formats.parsed import FAULTS, Parsed, ParseError, clean, join_pages

_BLANK = re.compile(r"\n[ \t]*\n\s*")
# a line this much shorter than the page's longest one ends a paragraph
_SHORT_LINE = 0.7


def parse_pdf(data: bytes) -> Parsed:
    """Every page's text; a page of pictures only has none."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ParseError("PDF is encrypted; remove its password first")
        texts = [_paragraphs(clean(page.extract_text())) for page in reader.pages]
        title = clean(str(reader.metadata.get("/Title") or "") if reader.metadata else "")
    except (PyPdfError, DependencyError, *FAULTS) as error:
        if isinstance(error, ParseError):
            raise
        raise ParseError(f"PDF is damaged: {error or type(error).__name__}") from error
    parsed = join_pages(title, texts, {"pages": len(texts)})
    if not parsed.pages:
        raise ParseError(
            f"holds no text ({len(texts)} pages, probably scanned images: run OCR first, or set "
            "ingest.pdf_parser=docling)"
        )
    return parsed


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
