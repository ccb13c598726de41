"""Office files are ZIP archives: which kind one is, and whether it is safe to unpack.

A few kilobytes can unpack to terabytes. Sizes are first checked as the archive declares them, then by
unpacking every member into nothing: `zipfile` stops at the declared size and compares the checksum,
so an archive that lies about its sizes is found out as damaged without ever being held in memory.
"""

import io
import lzma
import struct
import zipfile
import zlib
from typing import Literal

from data_prep.documents.formats.parsed import ParseError

MAX_UNPACKED_MIB = 512
MAX_MEMBERS = 20_000
_MIB = 1024 * 1024
_ENCRYPTED = 0x1
# what zipfile raises for a member whose header, place or data is damaged
_DAMAGE = (
    zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError, struct.error, zlib.error,
    lzma.LZMAError,
)  # fmt: skip
Kind = Literal["docx", "pptx", "xlsx", "epub", "odt", "ods"]
_FOLDERS: dict[str, Kind] = {"word": "docx", "ppt": "pptx", "xl": "xlsx"}
_TYPES: dict[str, Kind] = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.text-template": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.spreadsheet-template": "ods",
}
_OPEN = "application/vnd.oasis.opendocument."


def office_format(data: bytes) -> Kind:
    """The kind of Office file or book in a ZIP archive; ParseError for any other archive."""
    with _opened(data) as archive:
        names = set(archive.namelist())
        type = _media_type(archive, names)
    if type in _TYPES:
        return _TYPES[type]
    if type.startswith(_OPEN):
        raise ParseError(
            f"is an OpenDocument {type.removeprefix(_OPEN)}; save it as .xlsx, .pptx or .odt"
        )
    folders = {name.partition("/")[0] for name in names}
    kind = next((_FOLDERS[folder] for folder in _FOLDERS if folder in folders), None)
    if kind is None or "[Content_Types].xml" not in folders:
        raise ParseError("is a ZIP archive of something else; unpack it and ingest what is inside")
    return kind


def check_archive(data: bytes) -> None:
    """ParseError when the archive is encrypted, damaged, or unpacks to more than is reasonable."""
    with _opened(data) as archive:
        members = archive.infolist()
        declared = sum(member.file_size for member in members)
        if len(members) > MAX_MEMBERS or declared > MAX_UNPACKED_MIB * _MIB:
            raise ParseError(
                f"is a ZIP bomb or far too large: {len(data) / _MIB:.1f} MiB unpack to "
                f"{declared / _MIB:.0f} MiB in {len(members)} parts; allowed are "
                f"{MAX_UNPACKED_MIB} MiB in {MAX_MEMBERS}"
            )
        if any(member.flag_bits & _ENCRYPTED for member in members):
            raise ParseError("is encrypted; remove its password first")
        try:
            for member in members:
                with archive.open(member) as file:
                    while file.read(_MIB):
                        pass
        except _DAMAGE as error:
            raise ParseError(f"is damaged: {error}") from error


def _media_type(archive: zipfile.ZipFile, names: set[str]) -> str:
    """What the archive says of itself, as EPUB and OpenDocument do; empty for others."""
    try:
        if "mimetype" in names:
            with archive.open("mimetype") as file:
                return file.read(100).decode("ascii", "replace").strip()
    except _DAMAGE as error:
        raise ParseError(f"is damaged: {error}") from error
    if "META-INF/container.xml" in names and any(name.endswith(".opf") for name in names):
        return "application/epub+zip"
    found = {"content.xml", "META-INF/manifest.xml"} <= names
    return "application/vnd.oasis.opendocument.text" if found else ""


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except _DAMAGE as error:
        raise ParseError(f"is damaged or cut off: {error}") from error
