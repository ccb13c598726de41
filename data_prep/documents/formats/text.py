"""Bytes -> text, in whatever encoding they are."""

import codecs

from data_prep.documents.formats.encodings import (
    is_ebcdic,
    is_japanese_mail,
    one_byte_encoding,
    two_byte_encoding,
    wide_encoding,
)
from data_prep.documents.formats.parsed import ParseError, clean

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 1 << 16
_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"})
_UNSEEN = dict.fromkeys(_CONTROLS)
# encrypted or compressed bytes have 10 % of control characters; a stray one in a text is forgiven
_MAX_CONTROLS, _FORGIVEN = 0.05, 8
_BROKEN = 0.01  # share of broken characters among those beyond ASCII that still is UTF-8
_ASCII = 0.9  # share of ASCII in bytes that are text even if the rest is unknown
_BEYOND = bytes(range(128, 256))
_WIDE = 0.4  # share of zeros in every second byte of UTF-16 without its mark


def decode(data: bytes) -> str:
    """Clean text by byte order mark, as UTF-8, or as the encoding that fits; ParseError if none."""
    encoding = _marked(data) or _wide(data)
    if encoding:
        try:
            return clean(_unbroken(data.decode(encoding)))
        except UnicodeDecodeError as error:
            raise ParseError(f"not text: it begins like {encoding} but is not ({error})") from None
    refuse_binary(data)
    if b"\x1b" in data and is_japanese_mail(data):
        return clean(data.decode("iso2022_jp_ext"))
    try:
        return clean(data.decode("utf-8"))
    except UnicodeDecodeError:
        return clean(_almost_unicode(data) or _old(data))


def _unbroken(text: str) -> str:
    """The text; ParseError for numbers of two bytes, which look like UTF-16."""
    sample = text[:_SAMPLE]
    controls = len(sample) - len(sample.translate(_UNSEEN))
    if controls > max(_FORGIVEN, _MAX_CONTROLS * len(sample)):
        raise ParseError("not text: it holds control characters only; it looks like a binary file")
    return text


def refuse_binary(data: bytes) -> None:
    """ParseError when bytes hold more control characters than any text."""
    if _marked(data) or _wide(data):
        return
    sample = data[:_SAMPLE]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if controls > max(_FORGIVEN, _MAX_CONTROLS * len(sample)):
        share = controls / len(sample)
        raise ParseError(
            f"not text: {share:.0%} of it are control characters; it looks like a binary file"
        )


def _almost_unicode(data: bytes) -> str:
    """UTF-8 with a few broken characters, such as a file cut inside one; empty when it is not that."""
    text = data.decode("utf-8", "replace")
    beyond = sum(1 for character in text if character > "\x7f")
    return text if text.count("\ufffd") <= max(1, _BROKEN * beyond) < beyond else ""


def _old(data: bytes) -> str:
    """Text of before Unicode; a few strange signs in ASCII are read as most programs would."""
    if is_ebcdic(data):
        raise ParseError("not text as computers other than mainframes have it (EBCDIC); convert it")
    encoding = one_byte_encoding(data) or two_byte_encoding(data)
    if encoding is not None:
        return data.decode(encoding)
    if len(data.translate(None, _BEYOND)) < _ASCII * len(data):
        raise ParseError("not text: no character encoding fits")
    return data.decode("cp1252", "replace")


def _marked(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def _wide(data: bytes) -> str | None:
    """UTF-16 without its mark: every second byte of Western text is zero, and some of any other."""
    sample = data[:_SAMPLE]
    if len(sample) <= _FORGIVEN:
        return None
    high, low = sample[1::2].count(0) / (len(sample) / 2), sample[::2].count(0) / (len(sample) / 2)
    if max(high, low) < _WIDE or min(high, low) > _MAX_CONTROLS:
        return wide_encoding(data)
    return "utf-16-le" if high > low else "utf-16-be"
