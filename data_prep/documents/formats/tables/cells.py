"""What a cell holds, as far as its text tells: a number, a date, a truth value, words.

Columns keep one kind below their header, so kinds tell a header from data and one delimiter from another.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

Kind = Literal["missing", "number", "date", "truth", "mixed", "words"]
TYPED = frozenset(("number", "date", "truth"))
_MISSING = frozenset(
    ("", "-", "--", "–", "—", "n/a", "na", "nan", "null", "none", "?", ":", ".", "..", "...", "k.a.", "#n/a")
)  # fmt: skip
_TRUTH = frozenset(("true", "false", "yes", "no", "wahr", "falsch", "ja", "nein", "oui", "non"))
_CURRENCY = r"(?:[$€£¥₹₽]|US\$|C\$|EUR|USD|GBP|CHF|JPY)"
_NUMBER = re.compile(
    rf"[(<>~≈]?\s?[-+−]?\s?{_CURRENCY}?\s?[-+−]?"
    r"(?:\d+|\d{1,3}(?:[.,'’\u00a0\u202f ]\d{2,3})+)?(?:[.,]\d+|(?<=\d)[.,]?)(?:[eE][-+]?\d+)?"
    rf"\s?(?:%|‰|{_CURRENCY})?\s?\)?[*†]?"
)
_MONTH = (
    r"(?:jan|feb|mar|mär|mrz|apr|may|mai|jun|jul|aug|sep|sept|oct|okt|nov|dec|dez)[a-zä]{0,6}\.?"
)
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[ap]\.?m\.?)?"
_DATE = re.compile(
    rf"(?:\d{{4}}([-/.])\d{{1,2}}\1\d{{1,2}}|\d{{4}}[-/]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}[-. ]{{1,2}}{_MONTH}[- ]\d{{2,4}}|{_MONTH}[- ]\d{{1,2}},?\s\d{{4}}|{_MONTH}[- ]\d{{2,4}})"
    rf"(?:[T ]{{1,2}}{_TIME}(?:\s?(?:Z|UTC|[-+]\d{{2}}:?\d{{2}}))?)?|{_TIME}|\d{{1,4}}:\d{{2}}:\d{{2}}",
    re.IGNORECASE,
)
_LONGEST = 40  # characters of a number or a date; longer text is not looked at closely


@lru_cache(maxsize=1 << 14)
def _short_kind(cell: str) -> Kind:
    lower = cell.lower()
    if lower in _MISSING:
        return "missing"
    if lower in _TRUTH:
        return "truth"
    if _DATE.fullmatch(cell):
        return "date"
    if cell.startswith("=") or _NUMBER.fullmatch(cell):
        return "number"
    return "mixed" if any(character.isdigit() for character in cell) else "words"


def kind(cell: str) -> Kind:
    """The kind of a cell; `mixed` is text with digits in it, such as a code or `12 kg`."""
    cell = cell.strip()
    if len(cell) <= _LONGEST:
        return _short_kind(cell)
    return "mixed" if any(character.isdigit() for character in cell[:400]) else "words"


def column_kind(cells: Iterable[str], share: float = 0.8) -> Kind:
    """The kind of at least `share` of the cells that hold something; text of several kinds is words."""
    kinds = Counter(kind(cell) for cell in cells)
    del kinds["missing"]
    if not kinds:
        return "missing"
    found, count = kinds.most_common(1)[0]
    if count >= share * kinds.total():
        return found
    return "words"


def squeeze(cell: str) -> str:
    """One line without blanks around it."""
    return " ".join(cell.split())
