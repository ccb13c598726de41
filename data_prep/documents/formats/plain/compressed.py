"""Texts that are compressed as Debian keeps its documentation: unpacked up to a bound."""

import bz2
import gzip
import io
import lzma
import zlib
from typing import BinaryIO, cast

from data_prep.documents.formats.parsed import ParseError

MAX_UNPACKED_MIB = 128
_MIB = 1024 * 1024
_KINDS = (
    (b"\x1f\x8b", "gzip", gzip.open),
    (b"BZh", "bzip2", bz2.open),
    (b"\xfd7zXZ\0", "xz", lzma.open),
)
_DAMAGE = (EOFError, OSError, ValueError, lzma.LZMAError, zlib.error)
_TAR_AT, _TAR = 257, b"ustar"


def unpack(data: bytes) -> bytes:
    """What is inside; other data as it is. ParseError when it is damaged, too large or an archive."""
    found = next(((name, kind) for magic, name, kind in _KINDS if data.startswith(magic)), None)
    if found is None:
        return data
    name, kind = found
    try:
        with cast(BinaryIO, kind(io.BytesIO(data))) as file:
            inner = file.read(MAX_UNPACKED_MIB * _MIB + 1)
    except _DAMAGE as error:
        raise ParseError(f"is a {name} archive that is damaged: {error}") from error
    if len(inner) > MAX_UNPACKED_MIB * _MIB:
        raise ParseError(
            f"is a {name} archive that unpacks to more than {MAX_UNPACKED_MIB} MiB; unpack and split it"
        )
    if inner[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        raise ParseError("is a tar archive; unpack it and ingest what is inside")
    return inner
