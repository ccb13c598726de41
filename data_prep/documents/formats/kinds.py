"""Which format a file has: by its suffix when it is listed, by its content when it is parsed.

Suffixes lie: portals save HTML as `.txt`, logins as `.pdf`. A file whose content says plainly what it
is gets parsed as that; one that is named like a PDF or an Office file and is neither is refused with
what it is.
"""

import re
from typing import Literal

from data_prep.documents.formats.archive import office_format
from data_prep.documents.formats.parsed import ParseError

Format = Literal[
    "markdown", "html", "pdf", "docx", "pptx", "xlsx", "epub", "odt", "csv", "text", "record"
]
SUFFIXES: dict[str, Format] = {
    ".md": "markdown", ".markdown": "markdown", ".txt": "text", ".text": "text", ".csv": "csv",
    ".tsv": "csv", ".html": "html", ".htm": "html", ".xhtml": "html", ".pdf": "pdf",
    ".docx": "docx", ".pptx": "pptx", ".xlsx": "xlsx", ".epub": "epub", ".odt": "odt",
    ".ott": "odt",
}  # fmt: skip
# what lies beside pages and is no document: pictures, sounds, fonts, styles, scripts
COMPANIONS = frozenset((
    ".avif", ".bmp", ".css", ".eot", ".flac", ".gif", ".ico", ".jpeg", ".jpg", ".js", ".map", ".mjs", ".mp3",
    ".mp4", ".ogg", ".otf", ".png", ".svg", ".tif", ".tiff", ".ttf", ".wav", ".webm", ".webp", ".woff",
    ".woff2",
))  # fmt: skip
_BINARY: dict[Format, str] = {
    "pdf": "a PDF", "docx": "a Word file", "pptx": "a PowerPoint file", "xlsx": "an Excel file",
    "epub": "an EPUB book", "odt": "an OpenDocument text",
}  # fmt: skip
_PDF = b"%PDF-"
_PDF_WITHIN = 1024  # readers accept a header after some junk
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML = re.compile(
    r"(?:\s|\ufeff|<\?xml[^>]{0,200}\?>|<!--.{0,1000}?-->)*<(?:!doctype\s+html|html[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_FOREIGN = (
    (b"\x89PNG", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"), (b"MM\0*", "a TIFF image"), (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Rar!", "a RAR archive"),
    (b"\xfd7zXZ\0", "an xz archive"), (b"{\\rtf", "an RTF document"), (b"%!PS", "a PostScript file"),
    (b"SQLite format 3\0", "an SQLite database"), (b"PAR1", "a Parquet file"),
    (b"OggS", "an audio file"), (b"ID3", "an audio file"),
)  # fmt: skip


def true_format(named: Format, data: bytes) -> Format:
    """The format to parse a file as; ParseError when it is no format that can be parsed.

    `named` is what the suffix says, `data` the whole file.
    """
    if not data.strip(b"\0 \t\r\n"):
        raise ParseError(
            "is empty (0 bytes)" if not data else "holds no text, only white space or zeros"
        )
    found = _certain(named, data)
    if found is not None:
        return found
    foreign = next((name for magic, name in _FOREIGN if data.startswith(magic)), None)
    if foreign is not None:
        raise ParseError(f"is {foreign}, whatever its name says; convert it or leave it out")
    if named in _BINARY:
        raise ParseError(
            f"is named like {_BINARY[named]} but its content is not; it is damaged or has the wrong suffix"
        )
    return named


def _certain(named: Format, data: bytes) -> Format | None:
    if data.startswith(_PDF) or (named == "pdf" and _PDF in data[:_PDF_WITHIN]):
        return "pdf"
    if data.startswith(_ZIP):
        return office_format(data)
    if data.startswith(_OLE):
        raise ParseError(_ole_reason(data))
    head = data[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe").decode("latin-1")
    return "html" if _HTML.match(head) else None


def _ole_reason(data: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return "is encrypted; remove its password first"
    return "is an Office file of before 2007; save it as .docx, .pptx or .xlsx"
