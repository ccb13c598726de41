"""Bytes -> title, text and page offsets, whatever the format.

`parse_bytes` runs inside the sandbox. Records were checked when they were listed and need neither a
parser nor a sandbox.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module

from data_prep.documents.formats.html.page import parse_html
from data_prep.documents.formats.kinds import Format, true_format
from data_prep.documents.formats.latex.document import parse_latex
from data_prep.documents.formats.layout import load_models, parse_layout
from data_prep.documents.formats.markup.asciidoc import parse_asciidoc
from data_prep.documents.formats.markup.man import parse_man
from data_prep.documents.formats.markup.org import parse_org
from data_prep.documents.formats.markup.rest import parse_rest
from data_prep.documents.formats.markup.rtf import parse_rtf
from data_prep.documents.formats.markup.texinfo import parse_texinfo
from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.office.epub import parse_epub
from data_prep.documents.formats.office.ods import parse_ods
from data_prep.documents.formats.office.opendocument import parse_odt
from data_prep.documents.formats.office.slides import parse_pptx
from data_prep.documents.formats.office.word import parse_docx
from data_prep.documents.formats.parsed import Parsed, ParseError, clean, one_line
from data_prep.documents.formats.pdf.document import parse_pdf
from data_prep.documents.formats.plain.binary_data import without_binary_data
from data_prep.documents.formats.plain.compressed import unpack
from data_prep.documents.formats.plain.markdown import parse_markdown, parse_mdx
from data_prep.documents.formats.plain.text import (
    parse_code,
    parse_config,
    parse_subtitles,
    parse_text,
)
from data_prep.documents.formats.structured.mail import parse_mail, parse_mailbox
from data_prep.documents.formats.structured.notebook import parse_notebook
from data_prep.documents.formats.structured.values import parse_json
from data_prep.documents.formats.structured.xml import parse_xml
from data_prep.documents.formats.tables.delimited import parse_csv
from data_prep.documents.formats.tables.sheet import parse_xlsx
from data_prep.documents.records.metadata import choose_metadata

_NAMED, _NAME_CHARS, _NOTICE_CHARS = 5, 60, 1000


def parse_bytes(data: bytes, named: Format, pdf_parser: str = "pdfium") -> Parsed:
    """Parse a file that its suffix says is `named`; ParseError when there is no text to be had.

    `pdf_parser` is `ingest.pdf_parser`. Anything else that a parser raises is a fault of ours.
    """
    data = unpack(data)
    format = true_format(named, data)
    parser = parse_layout if format == "pdf" and pdf_parser == "docling" else _PARSERS[format]
    parsed = parser(data)
    if not parsed.pages:  # else offsets of pages would have to move along
        text, notices = without_binary_data(parsed.text)
        parsed = replace(parsed, text=text, notices=(*parsed.notices, *notices))
    if not parsed.text.strip():
        raise ParseError("holds no text")
    return _bounded(parsed)


def _bounded(parsed: Parsed) -> Parsed:
    """What a file says of itself, within the limits of records: every chunk carries it."""
    metadata, unkept = choose_metadata(parsed.metadata, frozenset())
    notices = [
        Notice(notice.kind, one_line(notice.text)[:_NOTICE_CHARS]) for notice in parsed.notices
    ]
    if unkept:
        named = ", ".join(f"{name[:_NAME_CHARS]} ({why})" for name, why in unkept[:_NAMED])
        more = f" and {len(unkept) - _NAMED:,} more" if len(unkept) > _NAMED else ""
        notices.append(
            Notice("metadata left out", one_line(f"not kept as metadata: {named}{more}"))
        )
    title = one_line(parsed.title)
    return replace(parsed, title=title, metadata=metadata, notices=tuple(notices))


def prepare(data: bytes, named: Format, pdf_parser: str = "pdfium") -> None:
    """Load the libraries that `parse_bytes` will need: seconds that no document is to blame for."""
    try:
        format = true_format(named, unpack(data))
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
    "rtf": ("striprtf.striprtf",),
    "xml": ("lxml.etree",),
    "mail": ("lxml.etree",),
    "mailbox": ("lxml.etree",),
    "html": ("lxml.etree",),
    "pdf": ("pypdfium2.raw",),
    "pptx": ("pptx",),
    "docx": ("lxml.etree",),
    "epub": ("lxml.etree",),
    "odt": ("lxml.etree",),
    "xlsx": ("lxml.etree",),
    "ods": ("lxml.etree",),
}
_PARSERS: Mapping[Format, Callable[[bytes], Parsed]] = {
    "markdown": parse_markdown,
    "mdx": parse_mdx,
    "rst": parse_rest,
    "asciidoc": parse_asciidoc,
    "org": parse_org,
    "latex": parse_latex,
    "texinfo": parse_texinfo,
    "man": parse_man,
    "rtf": parse_rtf,
    "xml": parse_xml,
    "code": parse_code,
    "config": parse_config,
    "subtitles": parse_subtitles,
    "json": parse_json,
    "notebook": parse_notebook,
    "mail": parse_mail,
    "mailbox": parse_mailbox,
    "text": parse_text,
    "html": parse_html,
    "csv": parse_csv,
    "pdf": parse_pdf,
    "docx": parse_docx,
    "pptx": parse_pptx,
    "xlsx": parse_xlsx,
    "ods": parse_ods,
    "epub": parse_epub,
    "odt": parse_odt,
}
