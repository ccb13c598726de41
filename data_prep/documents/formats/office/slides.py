"""Word files as Markdown, by markitdown, after a check that they are safe to unpack."""

import io
import re

from data_prep.documents.formats.archive import check_archive
from data_prep.documents.formats.parsed import (
    FAULTS,
    Parsed,
    ParseError,
    clean,
    first_heading,
)

_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]*)\)")
# a quote of snake_case must be found again
_VERBATIM = {"escape_underscores": False, "escape_asterisks": False}
_BLANKS = re.compile(r"\n{3,}")


def parse_docx(data: bytes) -> Parsed:
    """The whole document as Markdown; Word keeps no page numbers."""
    text = _markdown(data)
    return Parsed(first_heading(text), text, markdown=True)


def _markdown(data: bytes) -> str:
    from markitdown import StreamInfo
    from markitdown.converters import DocxConverter

    check_archive(data)
    converter = DocxConverter()
    try:
        found = converter.convert(io.BytesIO(data), StreamInfo(extension=".docx"), **_VERBATIM)
    except FAULTS as error:
        raise ParseError(f"Office file is damaged: {_short(error)}") from error
    return _BLANKS.sub("\n\n", _IMAGE.sub(_caption, clean(found.markdown))).strip()


def _caption(image: re.Match[str]) -> str:
    """The words for people who cannot see an image, but not "Picture 3", which names its shape."""
    words, target = image.groups()
    return "" if re.sub(r"\W", "", words) == target.removesuffix(".jpg") else words


def _short(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
