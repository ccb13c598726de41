"""Two searches become one order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.fusion import fuse

SCORES = st.dictionaries(st.sampled_from("abcdef"), st.floats(-1, 50), max_size=6)


def test_what_both_find_well_comes_first() -> None:
    assert fuse({"a": 0.9, "b": 0.8, "c": 0.1}, {"b": 12.0, "d": 11.0}, 0.5) == ["b", "a", "d", "c"]


def test_a_hit_that_is_far_better_by_words_wins() -> None:
    assert fuse({"a": 0.31, "b": 0.30}, {"b": 20.0, "a": 1.0}, 0.5)[0] == "b"


@pytest.mark.parametrize(("weight", "first"), [(1.0, "a"), (0.0, "b")])
def test_weight_says_who_decides(weight: float, first: str) -> None:
    assert fuse({"a": 0.9, "b": 0.1}, {"a": 1.0, "b": 9.0}, weight)[0] == first


@given(SCORES, SCORES, st.floats(0, 1))
def test_every_found_id_comes_once(
    dense: dict[str, float], sparse: dict[str, float], weight: float
) -> None:
    assert sorted(fuse(dense, sparse, weight)) == sorted({*dense, *sparse})


@given(SCORES)
def test_one_search_alone_keeps_its_order(found: dict[str, float]) -> None:
    ordered = sorted(found, key=lambda name: -found[name])
    assert [found[name] for name in fuse(found, {}, 0.5) if found[name] > 0] == [
        found[name] for name in ordered if found[name] > 0
    ]
