"""Word files: the text as a reader of the printed document sees it, with its structure.

The document becomes HTML on its way, so that lists and tables are written like those of pages. Page
headers and footers, comments, deleted text and tables of contents are left out.
"""

from typing import Any

from data_prep.documents.formats.html.page import html_blocks
from data_prep.documents.formats.notices import Notice, counted, undescribed_pictures
from data_prep.documents.formats.office.package import Package, below, properties
from data_prep.documents.formats.office.titles import document_title
from data_prep.documents.formats.office.word_body import Body
from data_prep.documents.formats.office.word_styles import Numbering, Styles
from data_prep.documents.formats.parsed import Parsed, ParseError, clean, reading


def parse_docx(data: bytes) -> Parsed:
    """The whole document as Markdown; Word keeps no page numbers.

    ParseError when it is damaged. A notice counts pictures that nothing describes.
    """
    package = Package(data)
    with reading("Word file"):
        main = _main_part(package)
        found = package.xml(main)
        if found is None:
            raise ParseError("Word file is damaged: it has no document part")
        folder = main.rpartition("/")[0]
        about = properties(package.xml("docProps/core.xml"))
        body = _body(package, folder)
        markup = body.html(found)
    written = html_blocks(markup)
    text = clean("\n\n".join(written.blocks))
    if not text.strip() and body.inline.pictures:
        raise ParseError(f"holds no text: {body.inline.pictures} pictures, which need OCR")
    title = document_title(about.pop("title", ""), written.headings)
    return Parsed(title, text, metadata=about, markdown=True, notices=_notices(body))


def _main_part(package: Package) -> str:
    root = package.xml("_rels/.rels")
    for relation in root if root is not None else ():
        if relation.get("Type", "").endswith("/officeDocument"):
            return str(relation.get("Target", "")).lstrip("/")
    return "word/document.xml"


def _body(package: Package, folder: str) -> Body:
    notes: dict[tuple[str, str], Any] = {}
    for kind in ("footnote", "endnote"):
        root = package.xml(f"{folder}/{kind}s.xml")
        for note in below(root, kind) if root is not None else ():
            ids = [found for key, found in note.attrib.items() if key.endswith("}id")]
            notes |= {(kind, id): note for id in ids}
    styles = Styles(package.xml(f"{folder}/styles.xml"))
    return Body(styles, Numbering(package.xml(f"{folder}/numbering.xml")), notes)


def _notices(body: Body) -> tuple[Notice, ...]:
    found = undescribed_pictures(body.undescribed)
    if not body.embedded:
        return found
    verb = "is" if body.embedded == 1 else "are"
    text = f"{counted(body.embedded, 'embedded document')} {verb} not searched"
    return (*found, Notice("attached files", text))
