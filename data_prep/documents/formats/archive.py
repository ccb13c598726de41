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
_SPREADSHEET = b"application/vnd.oasis.opendocument.spreadsheet"
# what zipfile raises for a member whose header, place or data is damaged
_DAMAGE = (
    zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError, struct.error, zlib.error,
    lzma.LZMAError,
)  # fmt: skip
_FOLDERS: dict[str, Literal["docx", "pptx", "xlsx"]] = {
    "word": "docx", "ppt": "pptx", "xl": "xlsx",
}  # fmt: skip


def office_format(data: bytes) -> Literal["docx", "pptx", "xlsx", "ods"]:
    """The kind of Office file in a ZIP archive; ParseError for any other archive."""
    with _opened(data) as archive:
        if _mimetype(archive) == _SPREADSHEET:
            return "ods"
        folders = {name.partition("/")[0] for name in archive.namelist()}
    kind = next((_FOLDERS[folder] for folder in _FOLDERS if folder in folders), None)
    if kind is None or "[Content_Types].xml" not in folders:
        raise ParseError("is a ZIP archive of something else; unpack it and ingest what is inside")
    return kind


def _mimetype(archive: zipfile.ZipFile) -> bytes:
    """What an OpenDocument file says it is, in a part of its own."""
    try:
        with archive.open("mimetype") as file:
            return file.read(len(_SPREADSHEET) + 1).strip()
    except (KeyError, *_DAMAGE):
        return b""


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


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except _DAMAGE as error:
        raise ParseError(f"is damaged or cut off: {error}") from error
