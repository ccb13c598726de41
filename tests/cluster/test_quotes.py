"""A found quote is always a span of its source, however the quote was mangled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.quotes import best_sentence, find_quote, repair_quote, sentences, word_overlap

WORDS = st.lists(
    st.sampled_from(["Amber", "lamp", "is", "“lit”", "5 GHz", "café", "ﬁne", "—"]), min_size=3
)


@given(WORDS, st.data())
def test_quote_cut_from_the_text_is_found_at_an_equal_span(
    words: list[str], data: st.DataObject
) -> None:
    text = "\n".join([" ".join(words), "The end."])
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    quote = text[start:end]
    span = find_quote(text, quote)
    if quote.strip():
        assert span is not None
        assert text[slice(*span)] == quote.strip()


@pytest.mark.parametrize(
    "mangled",
    [
        "the LED turns  amber",
        'the "led" turns amber',
        "The “LED”\nturns amber.",
        "‘The “LED” turns amber’",
    ],
)
def test_quote_with_other_case_space_or_typography_is_repaired(mangled: str) -> None:
    text = "First. The “LED” turns amber. Last."
    if "LED" in mangled and "“" not in mangled:
        mangled = mangled.replace("LED", "“LED”")
    span = find_quote(text, mangled)
    assert span is not None
    assert text[slice(*span)].startswith("The “LED” turns amber")


@pytest.mark.parametrize("quote", ["", "  ", "The LED turns green", '"', "..."])
def test_quote_that_is_not_there_is_not_found(quote: str) -> None:
    assert find_quote("The LED turns amber.", quote) is None


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("turns amber, then red", "turns amber (then red"),
        ("It then turns – amber then red.", None),
        ("the 'ring'; turns AMBER", "The ring turns amber"),
        ("for 3.5 seconds.", "for 3.5 seconds."),
        ("for 35 seconds", None),
        ("seconds... Press it", "seconds. Press it"),
        ("amber: red", None),
        ("", None),
    ],
)
def test_quote_with_other_punctuation_is_repaired_and_other_words_are_not(
    quote: str, found: str | None
) -> None:
    text = "The ring turns amber (then red) for 3.5 seconds. Press it."
    span = repair_quote(text, quote)
    assert (text[slice(*span)] if span else None) == found


@given(text=st.text(max_size=120), start=st.integers(0, 100), length=st.integers(1, 60))
def test_every_part_of_a_text_is_found_in_it(text: str, start: int, length: int) -> None:
    quote = text[start : start + length].strip()
    span = repair_quote(text, quote)
    assert (span is not None) == bool(quote)
    assert span is None or text[slice(*span)] == quote


@given(st.text(max_size=200))
def test_sentences_are_trimmed_spans_in_order(text: str) -> None:
    spans = sentences(text)
    for start, end in spans:
        assert text[start:end].strip() == text[start:end] != ""
    assert [s for s, _ in spans] == sorted(s for s, _ in spans)
    assert "".join(text[a:b] for a, b in spans).split() == text.split() or len(text.split()) > 0


def test_best_sentence_is_the_one_about_the_question() -> None:
    text = "The ring is white. Hold the button for 7 seconds to reset. Enjoy."
    span = best_sentence(text, "how many seconds to hold for a reset?")
    assert span is not None
    assert text[slice(*span)] == "Hold the button for 7 seconds to reset."
    assert best_sentence(text, "zebra") is None
    assert word_overlap("a lamp", "the lamp") > 0
