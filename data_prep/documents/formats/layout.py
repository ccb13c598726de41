"""PDF by its layout (docling, the `docs` extra): tables, reading order and scanned pages.

Slower than the text layer by far, and it needs docling's models: downloaded on first use, or a folder
that docling's own `DOCLING_ARTIFACTS_PATH` names.
"""

import io
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from data_prep.documents.formats.parsed import (
    FAULTS,
    Parsed,
    ParseError,
    clean,
    join_pages,
)
from data_prep.documents.formats.plain.headings import first_heading
from data_prep.documents.formats.tables.markdown import spell_out_tables

if TYPE_CHECKING:
    from docling.document_converter import DocumentConverter

# text as it is on the page, so that quotes are found again
_VERBATIM = {"image_placeholder": "", "escape_html": False, "escape_underscores": False}
MISSING = (
    "ingest.pdf_parser=docling needs the docs extra: pip install 'openbook[docs]', or set "
    "ingest.pdf_parser=pdfium"
)


def parse_layout(data: bytes) -> Parsed:
    """Every page as Markdown."""
    from docling.datamodel.base_models import DocumentStream
    from docling.exceptions import BaseError

    try:
        stream = DocumentStream(name="document.pdf", stream=io.BytesIO(data))
        document = _converter().convert(stream).document
        texts = [
            spell_out_tables(
                clean(document.export_to_markdown(page_no=number, **_VERBATIM)).strip()
            )
            for number in range(1, max(document.pages, default=0) + 1)
        ]
    except (BaseError, RuntimeError, *FAULTS) as error:
        reason = str(error)[:300] or type(error).__name__
        raise ParseError(f"docling could not read the PDF: {reason}") from error
    title = first_heading("\n\n".join(texts))
    return replace(join_pages(title, texts, {"pages": len(texts)}), markdown=True)


def load_models() -> None:
    """Load what `parse_layout` needs, or download it; whatever docling raises when that fails."""
    _converter()


@cache
def _converter() -> "DocumentConverter":
    """One a process, with its models loaded."""
    from docling.datamodel.base_models import InputFormat
    from docling.document_converter import DocumentConverter

    converter = DocumentConverter(allowed_formats=[InputFormat.PDF])
    converter.initialize_pipeline(InputFormat.PDF)
    return converter
