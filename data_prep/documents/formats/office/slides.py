"""PowerPoint and Excel files, after a check that they are safe to unpack.

PowerPoint becomes Markdown by markitdown. Excel is read cell by cell: a data frame in between
would turn the year 2011 of a column with gaps into 2011.0, which no quote finds again.
"""

import io
import re
from dataclasses import replace
from typing import Any

from data_prep.documents.formats.archive import check_archive
from data_prep.documents.formats.parsed import (
    FAULTS,
    Parsed,
    ParseError,
    clean,
    first_heading,
    join_pages,
)
from data_prep.documents.formats.rows import paragraphs

_SLIDE = re.compile(r"^<!-- Slide number: (\d+) -->$", re.MULTILINE)
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]*)\)")
# a quote of snake_case must be found again
_VERBATIM = {"escape_underscores": False, "escape_asterisks": False}
_BLANKS = re.compile(r"\n{3,}")


def parse_pptx(data: bytes) -> Parsed:
    """Slides with their notes as Markdown; a slide's number is its page."""
    pieces = _SLIDE.split(_markdown(data))
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


def parse_xlsx(data: bytes) -> Parsed:
    """Every sheet as a headed list of rows; a sheet's number is its page. Formulas give their result."""
    import openpyxl

    check_archive(data)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets = [_sheet(sheet) for sheet in book.worksheets]
        title = clean(book.properties.title or "")
    except FAULTS as error:
        raise ParseError(f"Excel file is damaged: {_short(error)}") from error
    joined = join_pages(title, sheets, {"sheets": len(sheets)})
    return replace(joined, markdown=True, separate=True)


def _sheet(sheet: Any) -> str:
    sheet.reset_dimensions()  # the size that a sheet declares may be a billion empty cells
    rows = (
        ["" if value is None else str(value) for value in row]
        for row in sheet.iter_rows(values_only=True)
    )
    found = list(paragraphs(rows))
    return clean("\n\n".join([f"# {sheet.title}", *found])) if found else ""


def _markdown(data: bytes) -> str:
    from markitdown import StreamInfo
    from markitdown.converters import PptxConverter

    check_archive(data)
    try:
        found = PptxConverter().convert(
            io.BytesIO(data), StreamInfo(extension=".pptx"), **_VERBATIM
        )
    except FAULTS as error:
        raise ParseError(f"Office file is damaged: {_short(error)}") from error
    return _BLANKS.sub("\n\n", _IMAGE.sub(_caption, clean(found.markdown))).strip()


def _caption(image: re.Match[str]) -> str:
    """The words for people who cannot see an image, but not "Picture 3", which names its shape."""
    words, target = image.groups()
    return "" if re.sub(r"\W", "", words) == target.removesuffix(".jpg") else words


def _short(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
