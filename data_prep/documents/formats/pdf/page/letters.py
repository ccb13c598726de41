"""Which characters of a text layer are text, and what they are for a search.

A font without a map to Unicode, or with a wrong one, gives control characters, private ones or a salad
of letters; nothing of these may be indexed.
"""

import re
import unicodedata
from collections import Counter

# ligatures of Latin letters; NFC keeps them, and neither words nor embedders know them
_LIGATURES = {
    0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st",
}  # fmt: skip
# Adobe's private codes of old-style figures and small capitals, and the bullets of Symbol and Wingdings
_PRIVATE = {
    **{0xF730 + digit: str(digit) for digit in range(10)},
    **{0xF761 + letter: chr(ord("A") + letter) for letter in range(26)},
    **dict.fromkeys((0xF0B7, 0xF0A7, 0xF0A8, 0xF06C, 0xF06E, 0xF076, 0xF0D8, 0xF0FC), "•"),
}
_SOFT_HYPHEN = "\u00ad"
_LETTERS = {**_LIGATURES, **_PRIVATE, 0xA0: " ", 0x200B: "", 0xFEFF: "", 0x2060: ""}
_GARBAGE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff\ufff0-\uffff]")
_COMMON = frozenset("etaoinsr")  # over half of the letters in every language of the Latin script
_MIN_LETTERS = 250
_MIN_COMMON = 0.37
_BAD_SHARE = 0.3


def readable(run: str) -> str:
    """A run of characters without those that are no text, ligatures taken apart."""
    if run.isascii() and run.isprintable():
        return run
    text = run[:-1].replace(_SOFT_HYPHEN, "") + run[-1:]
    return _GARBAGE.sub("", text.translate(_LETTERS))


def is_garbage(texts: list[str], letters: int, bad: int) -> bool:
    """Whether a page's text layer says nothing: of `letters` characters `bad` were no text."""
    return bad > letters * _BAD_SHARE or _is_salad(texts)


def _is_salad(texts: list[str]) -> bool:
    """Letters of the Latin script whose frequencies are those of no language.

    Part numbers and dumps of bytes look so as well: digits among the letters speak against it.
    """
    counts = Counter("".join(texts).lower())
    latin = {c: n for c, n in counts.items() if c.isalpha() and c < "\u0250"}
    total = sum(latin.values())
    digits = sum(n for c, n in counts.items() if c.isdigit())
    others = sum(n for c, n in counts.items() if c.isalpha()) - total
    if total < _MIN_LETTERS or digits * 5 > total or others > total:
        return False
    common = sum(n for c, n in latin.items() if unicodedata.normalize("NFD", c)[0] in _COMMON)
    return common < total * _MIN_COMMON
