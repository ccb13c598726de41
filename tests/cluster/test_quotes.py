"""A found quote is always a span of its source, however the quote was mangled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.quotes import best_sentence, find_quote, sentences, word_overlap

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
