"""Bytes -> title, text and page offsets, whatever the format.

`parse_bytes` runs inside the sandbox. Records were checked when they were listed and need neither a
parser nor a sandbox.
"""

import json
from collections.abc import Callable, Mapping
from importlib import import_module

from data_prep.documents.formats.html.page import parse_html
from data_prep.documents.formats.kinds import Format, true_format
from data_prep.documents.formats.layout import load_models, parse_layout
from data_prep.documents.formats.office.epub import parse_epub
from data_prep.documents.formats.office.opendocument import parse_odt
from data_prep.documents.formats.office.slides import parse_pptx, parse_xlsx
from data_prep.documents.formats.office.word import parse_docx
from data_prep.documents.formats.parsed import Parsed, ParseError, clean
from data_prep.documents.formats.pdf import parse_pdf
from data_prep.documents.formats.rows import parse_csv
from data_prep.documents.formats.text import parse_markdown, parse_text


def parse_bytes(data: bytes, named: Format, pdf_parser: str = "pypdf") -> Parsed:
    """Parse a file that its suffix says is `named`; ParseError when there is no text to be had.

    `pdf_parser` is `ingest.pdf_parser`. Anything else that a parser raises is a fault of ours.
    """
    format = true_format(named, data)
    parser = parse_layout if format == "pdf" and pdf_parser == "docling" else _PARSERS[format]
    parsed = parser(data)
    if not parsed.text.strip():
        raise ParseError("holds no text")
    return parsed


def prepare(data: bytes, named: Format, pdf_parser: str = "pypdf") -> None:
    """Load the libraries that `parse_bytes` will need: seconds that no document is to blame for."""
    try:
        format = true_format(named, data)
    except ParseError:
        return
    if format == "pdf" and pdf_parser == "docling":
        load_models()
    else:
        for library in _LIBRARIES.get(format, ()):
            import_module(library)


def parse_record(data: bytes) -> Parsed:
    """A record as `record_files` reads it; ParseError when its text is empty."""
    record = json.loads(data)
    text = clean(record["text"])
    if not text.strip():
        raise ParseError("holds no text")
    return Parsed(clean(record["title"]), text, metadata=record["metadata"])


_LIBRARIES: Mapping[Format, tuple[str, ...]] = {
    "html": ("lxml.etree",),
    "pdf": ("pypdf",),
    "docx": ("lxml.etree",),
    "pptx": ("markitdown.converters",),
    "xlsx": ("openpyxl",),
    "epub": ("lxml.etree",),
    "odt": ("lxml.etree",),
}
_PARSERS: Mapping[Format, Callable[[bytes], Parsed]] = {
    "markdown": parse_markdown,
    "text": parse_text,
    "html": parse_html,
    "csv": parse_csv,
    "pdf": parse_pdf,
    "docx": parse_docx,
    "pptx": parse_pptx,
    "xlsx": parse_xlsx,
    "epub": parse_epub,
    "odt": parse_odt,
}
