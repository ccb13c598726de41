"""Word and PowerPoint files as Markdown, by markitdown, after a check that they are safe to unpack."""

import io
import re
from dataclasses import replace
from typing import Literal

from data_prep.documents.formats.archive import check_archive
from data_prep.documents.formats.parsed import (
    FAULTS,
    Parsed,
    ParseError,
    clean,
    first_heading,
    join_pages,
)

_SLIDE = re.compile(r"^<!-- Slide number: (\d+) -->$", re.MULTILINE)
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]*)\)")
# a quote of snake_case must be found again
_VERBATIM = {"escape_underscores": False, "escape_asterisks": False}
_BLANKS = re.compile(r"\n{3,}")


def parse_docx(data: bytes) -> Parsed:
    """The whole document as Markdown; Word keeps no page numbers."""
    text = _markdown(data, "docx")
    return Parsed(first_heading(text), text, markdown=True)


def parse_pptx(data: bytes) -> Parsed:
    """Slides with their notes as Markdown; a slide's number is its page."""
    pieces = _SLIDE.split(_markdown(data, "pptx"))
    # [before, number, slide, number, slide, ...]; a slide may hold text that looks like a mark
    slides: list[str] = []
    for number, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if int(number) == len(slides) + 1:
            slides.append(text.strip())
        else:
            slides[-1] += text
    title = next((found for slide in slides if (found := first_heading(slide))), "")
    joined = join_pages(title, slides, {"slides": len(slides)})
    return replace(joined, markdown=True, separate=True)


def _markdown(data: bytes, kind: Literal["docx", "pptx"]) -> str:
    from markitdown import StreamInfo
    from markitdown.converters import DocxConverter, PptxConverter

    check_archive(data)
    converter = DocxConverter() if kind == "docx" else PptxConverter()
    try:
        found = converter.convert(io.BytesIO(data), StreamInfo(extension=f".{kind}"), **_VERBATIM)
    except FAULTS as error:
        raise ParseError(f"Office file is damaged: {_short(error)}") from error
    return _BLANKS.sub("\n\n", _IMAGE.sub(_caption, clean(found.markdown))).strip()


def _caption(image: re.Match[str]) -> str:
    """The words for people who cannot see an image, but not "Picture 3", which names its shape."""
    words, target = image.groups()
    return "" if re.sub(r"\W", "", words) == target.removesuffix(".jpg") else words


def _short(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
