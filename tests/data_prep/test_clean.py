"""Text is what a reader sees: characters without ink are folded, those of scripts stay."""

import pytest

from data_prep.documents.formats.parsed import clean


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("main\u00adtenance", "maintenance"), ("a\u00a0b\u202fc", "a b c"),
        ("\ufeffzero\u200bwidth", "zerowidth"),
        ("\u202egnol\u202c", "gnol"), ("a\u2028b\fc", "a\nb\nc"), ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🔧", "👩\u200d🔧"), ("ភាសា\u200bខ្មែរ", "ភាសា\u200bខ្មែរ"),
        ("hi\U000e0069\U000e0067!", "hi!"),
        ("🏴\U000e0067\U000e0062\U000e007f", "🏴\U000e0067\U000e0062\U000e007f"), ("ﬁn Ａ", "ﬁn Ａ"),
    ],
)  # fmt: skip
def test_characters_without_ink_are_folded_and_those_of_scripts_stay(raw: str, shown: str) -> None:
    assert clean(raw) == shown
