"""Words that were parted at the end of a line.

A hyphen that the document itself writes inside of a line stays, and so does one between two words of
the document; others were put there to fill the line.
"""

import re
from collections.abc import Iterable

_PARTED = re.compile(r"([^\W\d_]+(?:-[^\W\d_]+)*)-$")
_NEXT = re.compile(r"[^\W\d_]+")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_URL = re.compile(r"(?:https?://|ftp://|www\.)\S*$", re.IGNORECASE)
_URL_REST = re.compile(r"[\w\-./?=&%#+~:@,;_]*[/.=&?%#_\-\d][\w\-./?=&%#+~:@,;_]*")
_SOFT = "\u00ad"
_MIN_PART = 3
# second parts of English compounds that need not stand alone elsewhere in a document
_COMPOUND = frozenset({
    "based", "free", "term", "like", "level", "time", "only", "type", "wide", "side", "up", "down", "in",
    "out", "off", "on", "end", "line", "point", "size", "scale", "made", "ready", "proof", "friendly",
    "specific", "related", "driven", "defined", "known", "oriented", "aware", "safe", "year", "day", "hour",
    "week", "month", "quality", "speed", "order", "class", "grade", "house", "party", "way", "step",
})  # fmt: skip
_JOINERS = frozenset(
    {"and", "or", "und", "oder", "bzw", "et", "ou", "y", "o", "e", "en", "och", "og"}
)
_NO_BLANK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]")


class Hyphens:
    """Joins lines by what a document's own words are."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._words: set[str] = set()
        parted = False
        for text in texts:
            words = _WORD.findall(text)
            whole = words[parted : len(words) - text.endswith("-")]
            self._words.update(word.casefold() for word in whole)
            parted = text.endswith("-")

    def join(self, text: str, line: str) -> str:
        """`text` with the next `line` behind it."""
        if text.endswith(_SOFT):
            return without_soft(text) + line
        parted, following = _PARTED.search(text), _NEXT.match(line)
        if parted and following and following[0].casefold() in _JOINERS:
            return f"{text} {line}"  # "in- and outside"
        if parted and following:
            return self._joined(text, line, parted[1], following[0])
        if text.endswith("-") and len(text) > 1 and not text[-2].isspace():
            return text + line
        if _goes_on(text, line) or (_NO_BLANK.match(text[-1]) and _NO_BLANK.match(line)):
            return text + line
        return f"{text} {line}"

    def _joined(self, text: str, line: str, first: str, second: str) -> str:
        whole, hyphened = (first + second).casefold(), f"{first}-{second}".casefold()
        keeps = (
            not second[:1].islower()
            or hyphened in self._words
            or (whole not in self._words and self._is_compound(first.casefold(), second.casefold()))
        )
        return text + line if keeps else text[:-1] + line

    def _is_compound(self, first: str, second: str) -> bool:
        last = first.rsplit("-", 1)[-1]
        known = last in self._words and second in self._words and len(second) > _MIN_PART
        return second in _COMPOUND or (known and len(last) > _MIN_PART) or "-" in first


def without_soft(text: str) -> str:
    """Text without soft hyphens: they are drawn only where a line ends."""
    return text.replace(_SOFT, "")


def _goes_on(text: str, line: str) -> bool:
    """Whether an address of the web goes on in the next line."""
    url = _URL.search(text)
    if not url or len(url[0]) < 12:
        return False
    rest = line.split(" ", 1)[0]
    return (url[0][-1] in "/-_=&?%#.~" and rest[:1].isalnum() and url[0][-1] != ".") or bool(
        _URL_REST.fullmatch(rest.rstrip(".,;)]")) and not rest[:1].isupper()
    )
