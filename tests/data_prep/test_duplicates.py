"""Near duplicates are found whatever the order, and different texts stay apart."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.sets.duplicates import clusters, resemblance, shingles, signature

WORDS = (
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "mu",
)


def text(seed: int, words: int = 60) -> str:
    choice = random.Random(seed)
    return " ".join(choice.choice(WORDS) + str(choice.randrange(50)) for _ in range(words))


def changed(source: str, word: str) -> str:
    _first, *rest = source.split()
    return " ".join([word, *rest])


def test_one_changed_word_is_a_near_duplicate_and_another_text_is_none() -> None:
    one = text(1)
    groups = clusters([("a", one), ("b", changed(one, "new")), ("c", text(2))], 0.8)
    assert groups == {"a": "a", "b": "a", "c": "c"}


@given(order=st.permutations(range(12)))
def test_clusters_do_not_depend_on_the_order(order: list[int]) -> None:
    texts = [(f"t{n:02d}", changed(text(n % 4), f"word{n}")) for n in range(12)]
    expected = {f"t{n:02d}": f"t{n % 4:02d}" for n in range(12)}
    assert clusters([texts[n] for n in order], 0.8) == expected


@pytest.mark.parametrize("shared", [10, 30, 50])
def test_signature_estimates_the_resemblance(shared: int) -> None:
    one = text(3)
    other = " ".join(one.split()[:shared] + text(4).split()[shared:])
    exact = resemblance(shingles(one), shingles(other))
    estimate = float((signature(shingles(one)) == signature(shingles(other))).mean())
    assert abs(estimate - exact) < 0.15


def test_case_and_punctuation_make_no_difference_and_scripts_without_spaces_work() -> None:
    assert resemblance(shingles("One, two: THREE four!"), shingles("one two three four")) == 1.0
    near = resemblance(
        shingles("今天天气很好我们去公园散步吧"), shingles("今天天气很好我们去公园散步了")
    )
    assert 0.7 < near < 1.0
    assert resemblance(shingles(""), shingles("word")) == 0.0


def test_a_thousand_equal_texts_are_one_cluster() -> None:
    same = text(5)
    groups = clusters(((f"{n:04d}", same) for n in range(1000)), 0.8)
    assert set(groups.values()) == {"0000"}
