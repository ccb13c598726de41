"""Pictures and other binary data inside text: cut out in linear time, and counted.

Nobody searches for base64, and a picture of 1 MB would be thousands of chunks of it. Of a picture its
words for people who cannot see it stay.
"""

import re

from data_prep.documents.formats.notices import Notice, counted

_MIN_CHARS = 2000  # a run without white space this long is looked at
_SHARE = 0.97  # of its characters that binary data written as text would have
_LINES = 20  # of base64 in a row that are data: certificates and mails have such
_TITLE = r"(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?"
# a picture whose bytes stand in its address: Markdown, HTML, definition, anything else
_MARKDOWN = re.compile(r"!\[([^\[\]]{0,2000})\]\(\s{0,9}<?data:[^)\s>]*+>?" + _TITLE + r"\s{0,9}\)")
_IMG = re.compile(r"<img\s([^<>]*+)>", re.IGNORECASE)
_ALT = re.compile(r"(?<![^\s\"'])alt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_SOURCE = re.compile(r"(?<![^\s\"'])src\s*=\s*[\"']?\s*data:", re.IGNORECASE)
_DEFINITION = re.compile(r"^ {0,3}\[([^\[\]\n]{1,999})\]:[ \t]*<?data:[^\n]*+\n?", re.MULTILINE)
_REFERENCE = re.compile(r"!\[([^\[\]]{0,2000})\](?:\[([^\[\]\n]{0,999})\])?")
_URI = re.compile(r"data:[\w.+-]{1,99}/[\w.+-]{1,99}[^,\s\"'<>()]{0,200},[A-Za-z0-9+/=_%-]{100,}+")
_LONG = re.compile(rf"(?<!\S)\S{{{_MIN_CHARS},}}+")
_RUN = re.compile(r"[A-Za-z0-9+/=_-]++")
_LAST_LINE = re.compile(r"[ \t>]*[A-Za-z0-9+/]{1,78}={0,2}[ \t]*$")
_BASE64_LINE = re.compile(r"[ \t>]*[A-Za-z0-9+/]{60,78}={0,2}[ \t]*$")


def without_binary_data(text: str) -> tuple[str, tuple[Notice, ...]]:
    """The text without what is no text in it, and notices that say so."""
    text, pictures = _without_pictures(text)
    text, blocks = _without_blocks(text)
    notices = []
    if pictures:
        verb = "is" if pictures == 1 else "are"
        what = (
            f"{counted(pictures, 'picture')} inside the text {verb} not read, only its description"
        )
        notices.append(Notice("pictures without text", what))
    if blocks:
        what = counted(blocks, "block of binary data", "blocks of binary data")
        notices.append(Notice("binary data", f"{what} left out"))
    return text, tuple(notices)


def _without_pictures(text: str) -> tuple[str, int]:
    if "data:" not in text:
        return text, 0
    names = {" ".join(name.split()).casefold() for name in _DEFINITION.findall(text)}
    text, defined = _DEFINITION.subn("", text)
    text, drawn = _MARKDOWN.subn(r"\1", text)
    count = defined + drawn

    def show(tag: re.Match[str]) -> str:
        nonlocal count
        if not _SOURCE.search(tag[1]):
            return tag[0]
        count += 1
        alt = _ALT.search(tag[1])
        return (alt[1] or alt[2] or "") if alt else ""

    def name(reference: re.Match[str]) -> str:
        label = " ".join((reference[2] or reference[1]).split()).casefold()
        return reference[1] if label in names else reference[0]

    text = _IMG.sub(show, text)
    text = _REFERENCE.sub(name, text) if names else text
    text, others = _URI.subn("", text)
    return text, count + others


def _without_blocks(text: str) -> tuple[str, int]:
    count = 0

    def cut(token: re.Match[str]) -> str:
        nonlocal count
        if not _is_encoded(token[0]):
            return token[0]
        kept, cuts = _cut_runs(token[0])
        count += cuts
        return kept

    text = _LONG.sub(cut, text)
    text, wrapped = _without_wrapped(text)
    return text, count + wrapped


def _without_wrapped(text: str) -> tuple[str, int]:
    """The text without blocks of lines of base64, as certificates and mails have them."""
    count = 0
    kept: list[str] = []
    block: list[str] = []
    for line in text.split("\n"):
        if _BASE64_LINE.match(line):
            block.append(line)
            continue
        is_data = len(block) >= _LINES and _is_mixed("".join(block))
        count += is_data
        kept += [] if is_data else block
        block = []
        if not (is_data and _LAST_LINE.match(line)):
            kept.append(line)
    is_data = len(block) >= _LINES and _is_mixed("".join(block))
    kept += [] if is_data else block
    return ("\n".join(kept), count + is_data) if count or is_data else (text, 0)


def _cut_runs(token: str) -> tuple[str, int]:
    """A token without its long runs of base64: what stands around them may be markup."""
    count = 0

    def cut(run: re.Match[str]) -> str:
        nonlocal count
        if len(run[0]) < _MIN_CHARS // 2:
            return run[0]
        count += 1
        return ""

    return _RUN.sub(cut, token), count


def _is_encoded(token: str) -> bool:
    """Whether a long run without white space is binary data written with the letters of base64."""
    inside = sum(len(run) for run in _RUN.findall(token))
    return inside >= _SHARE * len(token) and _is_mixed(token)


def _is_mixed(token: str) -> bool:
    """Whether capitals, small letters and digits are mixed as no language mixes them."""
    sample = token[: 1 << 16]
    capitals = sum("A" <= character <= "Z" for character in sample)
    small = sum("a" <= character <= "z" for character in sample)
    digits = sum("0" <= character <= "9" for character in sample)
    if digits + sum(character in "abcdefABCDEF" for character in sample) >= _SHARE * len(sample):
        return 0.2 * len(sample) < digits < 0.9 * len(sample)  # hexadecimal
    return min(capitals, small) > 0.2 * len(sample) and digits > 0.05 * len(sample)
