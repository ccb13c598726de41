"""The characters of a page: what it declares is believed only where it fits."""

import codecs
import re
from collections.abc import Iterator

from data_prep.documents.formats.parsed import clean
from data_prep.documents.formats.text import decode, refuse_binary

_HEAD = 4096
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
# what pages call so is written in these (WHATWG Encoding Standard)
_MEANT = {
    "ascii": "cp1252", "us-ascii": "cp1252", "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252",
    "iso8859-1": "cp1252", "iso-8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030",
    "x-sjis": "cp932", "shift_jis": "cp932", "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "tis-620": "cp874",
    "iso-8859-11": "cp874", "windows-31j": "cp932", "x-gbk": "gb18030",
}  # fmt: skip
# what bytes that hold a declaration cannot be, and codecs of Python that are no encodings of text
_OTHERS = (
    "utf-16", "utf-32", "utf-7", "hex", "base64", "rot", "zlib", "bz2", "idna", "punycode", "unicode", "raw",
    "undefined", "uu", "quopri",
)  # fmt: skip
_DATA = re.compile(
    r"data:[\w.+-]{0,40}/?[\w.+-]{0,80}(?:;[\w=.+-]{0,80}){0,4};base64,[A-Za-z0-9+/=%\s]{0,}"
)


def decode_page(data: bytes) -> str:
    """Text of a page by byte order mark, as UTF-8, as declared, or as the encoding that fits best.

    Inline pictures (`data:` addresses) are left out. ParseError when the bytes are no text.
    """
    refuse_binary(data)
    return _DATA.sub("data:", _decode(data))


def _decode(data: bytes) -> str:
    try:
        return clean(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        pass
    for encoding in _declared(data):
        try:
            return clean(data.decode(encoding))
        except (UnicodeDecodeError, LookupError):
            continue
    return decode(data)


def _declared(data: bytes) -> Iterator[str]:
    for found in _DECLARED.finditer(data[:_HEAD]):
        name = found[1].decode("ascii", "replace").lower()
        encoding = _MEANT.get(name, name)
        if encoding.startswith(_OTHERS):
            continue
        try:
            codecs.lookup(encoding)
        except (LookupError, ValueError):
            continue
        yield encoding
