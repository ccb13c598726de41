"""Which characters of a text layer are text, and what they are for a search.

A font without a map to Unicode, or with a wrong one, gives control characters, private ones or a salad
of letters; nothing of these may be indexed.
"""

import re
import unicodedata

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
# TeX's old fonts draw an accent and then its letter; quotes and code use the same signs elsewhere
_DRAWN_ACCENT = re.compile(
    r"(?<=[^\W\d_])[´ˆ˜](?=[aeiouAEIOU])|[¨ˇ](?=[^\W\d_])|(?<=[^\W\d_])˜(?=[nN])"
)
_ACCENTS = {"´": "\u0301", "ˆ": "\u0302", "˜": "\u0303", "¨": "\u0308", "ˇ": "\u030c"}
_COMMON = frozenset("etaoinsr")  # over half of the letters in every language of the Latin script
_LATIN_WORD = re.compile(r"[a-z\u00df-\u024f]{4,15}[.,;:]?")
_MIN_WORDS = 20
_MIN_COMMON = 0.4
_BAD_SHARE = 0.3


def readable(run: str) -> str:
    """A run of characters without those that are no text, ligatures taken apart."""
    if run.isascii() and run.isprintable():
        return run
    text = run[:-1].replace(_SOFT_HYPHEN, "") + run[-1:]
    return _GARBAGE.sub("", _accented(text).translate(_LETTERS))


def _accented(text: str) -> str:
    """Text with accents on their letters, where there is such a letter."""
    if not _DRAWN_ACCENT.search(text):
        return text
    parts, at = [], 0
    for accent in _DRAWN_ACCENT.finditer(text):
        letter = unicodedata.normalize("NFC", text[accent.end()] + _ACCENTS[accent[0]])
        if len(letter) == 1:
            parts += [text[at : accent.start()], letter]
            at = accent.end() + 1
    return "".join([*parts, text[at:]])


def is_garbage(texts: list[str], letters: int, bad: int) -> bool:
    """Whether a page's text layer says nothing: of `letters` characters `bad` were no text."""
    words = sum(len(word) > 2 and word.isalpha() for text in texts for word in text.split())
    return (bad > letters * _BAD_SHARE and words < _MIN_WORDS) or _is_salad(texts)


def _is_salad(texts: list[str]) -> bool:
    """Words of the Latin script whose letters are not those of a language.

    Part numbers and dumps of bytes look so as well, but they are no words of letters alone.
    """
    words = {word.casefold() for text in texts for word in text.split()}
    latin = {word for word in words if _LATIN_WORD.fullmatch(word)}
    if len(latin) < _MIN_WORDS or len(latin) * 4 < len(words):
        return False
    letters = [unicodedata.normalize("NFD", letter)[0] for word in latin for letter in word]
    return sum(letter in _COMMON for letter in letters) < len(letters) * _MIN_COMMON
