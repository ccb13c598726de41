"""Plain text, settings, source code and subtitles."""

import re
from collections.abc import Iterable, Iterator

from data_prep.documents.formats.parsed import Parsed
from data_prep.documents.formats.text import decode

# colours and cursor moves that programs write into their logs
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_TICKS = re.compile(r"^[ \t]*(`{3,})", re.MULTILINE)
_TIMING = re.compile(r"\s*(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->")
_CUE_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
_PARAGRAPH_CHARS = 400
_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？")


def parse_text(data: bytes) -> Parsed:
    """Text as it is, without the colours of a terminal."""
    text = decode(data)
    return Parsed("", _ESCAPES.sub("", text) if "\x1b" in text else text)


def parse_config(data: bytes) -> Parsed:
    """Settings as they are, comments included; each entry of the outermost level is a paragraph."""
    return Parsed("", "\n".join(_entries(decode(data).split("\n"))).strip("\n"))


def parse_code(data: bytes) -> Parsed:
    """Source code in one fence."""
    return Parsed("", fenced(decode(data).strip("\n")), markdown=True)


def fenced(code: str, language: str = "") -> str:
    """Code between marks that do not occur in it; the language is a word or nothing."""
    longest = max((len(ticks) for ticks in _TICKS.findall(code)), default=2)
    mark = "`" * max(3, longest + 1)
    word = re.match(r"[\w+#.-]*", language)
    return f"{mark}{word[0] if word else ''}\n{code}\n{mark}"


def parse_subtitles(data: bytes) -> Parsed:
    """What is said, as paragraphs of whole sentences; without numbers, times and marks of style."""
    return Parsed("", "\n\n".join(_spoken(_cues(decode(data)))))


def _entries(lines: Iterable[str]) -> Iterator[str]:
    """Lines with a blank one before each entry, and before the comments that lead to it."""
    comments: list[str] = []
    for line in lines:
        if line[:1] in ("#", ";"):
            comments.append(line)
            continue
        if line.strip() and line[0] not in " \t])}":
            yield ""
        yield from comments
        comments = []
        yield line
    yield from comments


def _cues(text: str) -> Iterator[str]:
    """The words of each cue: the lines below a time, up to a blank line."""
    inside = False
    for line in text.split("\n"):
        if _TIMING.match(line):
            inside = True
        elif not line.strip():
            inside = False
        elif inside and (words := " ".join(_CUE_TAG.sub("", line).split())):
            yield words


def _spoken(cues: Iterable[str]) -> Iterator[str]:
    paragraph: list[str] = []
    chars, last = 0, ""
    for words in cues:
        if words == last:  # captions of live speech repeat the line above
            continue
        paragraph.append(words)
        chars, last = chars + len(words), words
        if chars >= 2 * _PARAGRAPH_CHARS or (
            chars >= _PARAGRAPH_CHARS and words.endswith(_SENTENCE_END)
        ):
            yield " ".join(paragraph)
            paragraph, chars = [], 0
    if paragraph:
        yield " ".join(paragraph)
