"""OpenDocument text (LibreOffice): the text as a reader of the printed document sees it."""

from html import escape
from typing import Any

from data_prep.documents.formats.html.page import html_blocks
from data_prep.documents.formats.notices import undescribed_pictures
from data_prep.documents.formats.office.opendocument_body import Body
from data_prep.documents.formats.office.package import Package, below, properties
from data_prep.documents.formats.office.titles import document_title
from data_prep.documents.formats.parsed import Parsed, ParseError, clean, reading


def parse_odt(data: bytes) -> Parsed:
    """The whole document as Markdown.

    ParseError when it is damaged or encrypted. A notice counts pictures that nothing describes.
    """
    package = Package(data)
    with reading("OpenDocument file"):
        _refuse_locked(package)
        content = package.xml("content.xml")
        if content is None:
            raise ParseError("OpenDocument file is damaged: it has no content")
        about = properties(package.xml("meta.xml"))
        body = Body([root for root in (content, package.xml("styles.xml")) if root is not None])
        markup = "".join(body.html(part) for part in below(content, "body"))
        markup += "".join(f"<p>{escape(mark)} {note}</p>" for mark, note in body.notes)
    written = html_blocks(markup)
    text = clean("\n\n".join(written.blocks))
    if not text.strip() and body.undescribed:
        raise ParseError(f"holds no text: {body.undescribed} pictures, which need OCR")
    title = document_title(about.pop("title", ""), written.headings)
    notices = undescribed_pictures(body.undescribed)
    return Parsed(title, text, metadata=about, markdown=True, notices=notices)


def _refuse_locked(package: Package) -> None:
    manifest: Any | None = package.xml("META-INF/manifest.xml")
    if manifest is not None and any(True for _ in below(manifest, "encryption-data")):
        raise ParseError("is encrypted; remove its password first")
