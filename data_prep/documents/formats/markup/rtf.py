"""Rich Text Format -> text."""

import re

from data_prep.documents.formats.parsed import FAULTS, Parsed, ParseError, clean

_TITLE = re.compile(rb"\{\\title ((?:[^{}\\]|\\'[0-9a-fA-F]{2}|\\u-?\d+\??){1,1000})\}")
_PICTURE = re.compile(rb"\{\\\*?\\?(?:pict|objdata|blipuid)\b[^{}]*+(?:\{[^{}]*+\}[^{}]*+)*+\}")


def parse_rtf(data: bytes) -> Parsed:
    """Paragraphs of an RTF document; pictures are out."""
    from striprtf.striprtf import rtf_to_text

    source = _PICTURE.sub(b"", data).decode("cp1252", "replace")
    try:
        text = clean(rtf_to_text(source, errors="replace"))
    except FAULTS as error:
        raise ParseError(f"not readable as RTF: {error}") from error
    lines = (re.sub(r"\|$", "", line).strip() for line in text.split("\n"))
    text = "\n\n".join(line for line in lines if line)
    found = _TITLE.search(data)
    title = rtf_to_text("{\\rtf1 " + found[1].decode("cp1252", "replace") + "}") if found else ""
    return Parsed(clean(title).strip(), text)
