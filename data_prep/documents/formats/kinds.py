"""Which format a file has: by its name when it is listed, by its content when it is parsed.

Suffixes lie: portals save HTML as `.txt`, logins as `.pdf`. A file whose content says plainly what it
is gets parsed as that; one that is named like a PDF or an Office file and is neither is refused with
what it is.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import cast

from cluster.formats import IGNORE
from cluster.formats import Format as Format
from data_prep.documents.formats.archive import office_format
from data_prep.documents.formats.names import (
    COMPANIONS,
    COMPRESSED,
    MAN_SECTION,
    PAGES,
    SCRIPTS,
    SUFFIXES,
    TEMPLATES,
    TEXT_NAMES,
)  # fmt: skip
from data_prep.documents.formats.parsed import ParseError

_BINARY: dict[Format, str] = {
    "pdf": "a PDF", "docx": "a Word file", "pptx": "a PowerPoint file", "xlsx": "an Excel file",
    "ods": "an OpenDocument spreadsheet", "odt": "an OpenDocument text", "epub": "an EPUB book",
}  # fmt: skip
_PDF = b"%PDF-"
_PDF_WITHIN = 1024  # readers accept a header after some junk
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_RTF = b"{\\rtf"
_HTML = re.compile(
    r"(?:\s|\ufeff|<\?xml[^>]{0,200}\?>|<!--.{0,1000}?-->)*<(?:!doctype\s+html|html[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_ROFF = re.compile(rb"^[.'](?:TH|Dd|SH|Sh|so)\b", re.MULTILINE)
_HEAD = 1 << 16
_FOREIGN = (
    (b"\x89PNG", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"), (b"MM\0*", "a TIFF image"), (b"\x7fELF", "a program"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Rar!", "a RAR archive"), (b"%!PS", "a PostScript file"),
    (b"SQLite format 3\0", "an SQLite database"), (b"PAR1", "a Parquet file"),
    (b"OggS", "an audio file"), (b"ID3", "an audio file"),
    (b"-----BEGIN OPENSSH PRIVATE KEY", "a private key"), (b"-----BEGIN PRIVATE KEY", "a private key"),
    (b"-----BEGIN RSA PRIVATE KEY", "a private key"), (b"-----BEGIN EC PRIVATE KEY", "a private key"),
    (b"-----BEGIN ENCRYPTED PRIVATE KEY", "a private key"), (b"-----BEGIN PGP PRIVATE", "a private key"),
)  # fmt: skip


def named_format(name: str, suffixes: Mapping[str, str] | None = None) -> Format | None:
    """What the name of a file says; None when it says nothing that can be read.

    `suffixes` is `ingest.suffixes`, which goes first, the longest suffix before shorter ones. A suffix of
    compression or of a template is looked through (`guide.md.gz`, `app.yaml.example`). Names without a
    suffix are text (README, Makefile), and so are well-known names with one of their own (`README.Debian`).
    """
    file = PurePosixPath(name).name.lower()
    for suffix in _suffixes(file):
        if suffix in (suffixes or {}):
            found = (suffixes or {})[suffix]
            return None if found == IGNORE else cast(Format, found)
    inner = PurePosixPath(file)
    if inner.suffix in COMPRESSED | TEMPLATES:
        inner = PurePosixPath(inner.stem)
    format = SUFFIXES.get(inner.suffix) or _man_section(inner.suffix)
    known_name = inner.name.partition(".")[0] in TEXT_NAMES
    if format is None and not inner.name.startswith(".") and (not inner.suffix or known_name):
        return "text"
    return format


def _man_section(suffix: str) -> Format | None:
    return "man" if MAN_SECTION.fullmatch(suffix) else None


def companion_suffixes(kinds: Iterable[str], suffixes: Mapping[str, str] | None = None) -> set[str]:
    """Suffixes of what lies beside documents and is none, given those of all files of a source.

    Scripts and styles belong to web pages where there are any, else they are documents themselves.
    `ingest.suffixes` says otherwise.
    """
    given = suffixes or {}
    beside = set(COMPANIONS) | (set(SCRIPTS) if PAGES.intersection(kinds) else set())
    ignored = {suffix for suffix, format in given.items() if format == IGNORE}
    return (beside - set(given)) | ignored


def _suffixes(file: str) -> list[str]:
    """`.tar.gz`, `.gz`: every suffix of a name, the longest first."""
    parts = file.split(".")
    return ["." + ".".join(parts[at:]) for at in range(1, len(parts))]


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
    return "text" if _only_named(named, data) else named


def _certain(named: Format, data: bytes) -> Format | None:
    if data.startswith(_PDF) or (named == "pdf" and _PDF in data[:_PDF_WITHIN]):
        return "pdf"
    if data.startswith(_ZIP):
        return office_format(data)
    if data.startswith(_OLE):
        raise ParseError(_ole_reason(data))
    if data.startswith(_RTF):
        return "rtf"
    if named in ("code", "mdx"):
        return None  # a program or a page that is written in parts may begin like a page
    head = data[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe").decode("latin-1")
    return "html" if _HTML.match(head) else None


def _only_named(named: Format, data: bytes) -> bool:
    """Whether a suffix that others use as well (`release-1.2`, `notes.me`) means plain text here."""
    return (named == "man" and not _ROFF.search(data[:_HEAD])) or named == "rtf"


def _ole_reason(data: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return "is encrypted; remove its password first"
    return "is an Office file of before 2007; save it as .docx, .pptx or .xlsx"
