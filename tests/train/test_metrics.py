"""Metrics agree with hand-made cases of SQuAD's rules and keep their bounds on any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train import metrics

TEXT = st.text(alphabet=st.sampled_from("ab 'The.,-1é"), max_size=40)


@pytest.mark.parametrize(
    ("answer", "expected", "exact", "f1"),
    [
        ("The Eiffel Tower.", "eiffel tower", 1.0, 1.0),
        ("12 hours", "about 12 hours", 0.0, 0.8),
        ("12-hours", "12hours", 1.0, 1.0),
        ("red", "blue", 0.0, 0.0),
        ("", "blue", 0.0, 0.0),
        ("", "", 1.0, 1.0),
        ("the", "", 1.0, 1.0),
        ("yes yes", "yes", 0.0, 2 / 3),
    ],
)
def test_answer_is_scored_as_squad_does(
    answer: str, expected: str, exact: float, f1: float
) -> None:
    assert metrics.exact_match(answer, expected) == exact
    assert metrics.token_f1(answer, expected) == pytest.approx(f1)


@given(TEXT, TEXT)
def test_f1_of_any_two_texts_is_symmetric_and_bounded(one: str, other: str) -> None:
    assert 0 <= metrics.token_f1(one, other) <= 1
    assert metrics.token_f1(one, other) == metrics.token_f1(other, one)


@given(TEXT, TEXT)
def test_exact_match_of_any_two_texts_implies_full_f1(one: str, other: str) -> None:
    if metrics.exact_match(one, other):
        assert metrics.token_f1(one, other) == 1
    assert metrics.exact_match(one, one) == 1


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("torch.hub.load(repo_or_dir='org/depth', model='small', pretrained=True)", 1),
        ('model = hub.load("org/depth", "small")', 1),
        ("Use torch.hub.load('org/depth', 'small', pretrained=False, trust_repo=True).", 1),
        ("torch.hub.load('org/depth', 'large', pretrained=True)", 0),
        ("torch.hub.load('org/other', 'x'), or torch.hub.load('org/depth', 'small')", 0),
        ("torch.load('org/depth', 'small')", 0),
        ("the small one of org/depth", 0),
    ],
)
def test_call_is_right_that_names_what_is_expected(answer: str, value: float) -> None:
    expected = "torch.hub.load(repo_or_dir='org/depth', model='small', pretrained=True)"
    assert metrics.score("api_call", answer, expected, ()) == value


def test_call_without_texts_needs_all_values_and_prose_an_exact_match() -> None:
    assert metrics.call_match("blink(3, fast=True)", "blink(3, True)") == 1
    assert metrics.call_match("blink(3)", "blink(3, True)") == 0
    assert metrics.call_match("The lamp.", "lamp") == 1


@given(TEXT)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert metrics.normalise(metrics.normalise(text)) == metrics.normalise(text)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Yes, because no trial failed", "yes"),
        ("Nobody knows: maybe", "maybe"),
        ("not known", None),
        ("NO.", "no"),
        ("", None),
    ],
)
def test_label_is_the_first_allowed_whole_word(answer: str, found: str | None) -> None:
    assert metrics.find_label(answer, {"yes", "no", "maybe"}) == found


def test_label_of_two_that_start_together_is_the_longer() -> None:
    assert metrics.find_label("not entailed at all", {"not", "not entailed"}) == "not entailed"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("The claim is not supported by the literature.", None),
        ("It isn't supported, it is refuted.", "refuted"),
        ("Not supported. Answer: supported", "supported"),
        ("It cannot be told: not enough information", "not enough information"),
    ],
)
def test_label_that_is_denied_is_not_meant(answer: str, found: str | None) -> None:
    labels = {"supported", "refuted", "not enough information"}
    assert metrics.find_label(answer, labels) == found


def test_label_of_one_letter_keeps_its_case() -> None:
    labels = {"A", "B", "C", "D"}
    assert metrics.label_match("a good choice is (B)", "B", labels) == 1
    assert metrics.label_match("a good choice", "A", labels) == 0


def test_contains_needs_the_expected_words_together() -> None:
    assert metrics.contains("It lasts for 12 hours at least", "12 Hours") == 1
    assert metrics.contains("12 of 24 hours", "12 hours") == 0
    assert metrics.contains("112 hours", "12 hours") == 0
    assert metrics.contains("anything", "") == 0


def test_citations_are_judged_by_document() -> None:
    assert metrics.citation_precision(["a", "a", "b"], ["a"]) == 0.5
    assert metrics.citation_precision([], ["a"]) is None
    assert metrics.recall(["a", "c"], ["a", "b"]) == 0.5
    assert metrics.recall(["a"], []) is None


def test_mean_leaves_out_what_does_not_apply() -> None:
    assert metrics.mean([1.0, None, 0.0]) == 0.5
    assert metrics.mean([None]) is None


def test_percentile_interpolates_and_has_none_for_nothing() -> None:
    assert metrics.percentile([3.0, 1.0, 2.0, 4.0], 0.5) == 2.5
    assert metrics.percentile([7.0], 0.95) == 7
    assert metrics.percentile([], 0.5) is None
