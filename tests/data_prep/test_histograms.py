"""Histograms count everything once, in round ranges."""

from hypothesis import given
from hypothesis import strategies as st

from data_prep.sets.histograms import draw, of_numbers, of_ranks, of_values


@given(values=st.lists(st.one_of(st.integers(0, 5000), st.floats(-2, 2)), max_size=60))
def test_every_number_is_counted_in_about_ten_ranges(values: list[float]) -> None:
    histogram = of_numbers(values)
    assert sum(count for _, count in histogram) == len(values)
    assert len(histogram) <= 12


def test_ranges_are_round_and_in_order() -> None:
    assert dict(of_numbers([0.12, 0.18, 0.31, 0.9])) == {
        "0.1..0.2": 2, "0.2..0.3": 0, "0.3..0.4": 1, "0.4..0.5": 0, "0.5..0.6": 0,
        "0.6..0.7": 0, "0.7..0.8": 0, "0.8..0.9": 0, "0.9..1.0": 1,
    }  # fmt: skip
    assert of_numbers([7, 7]) == [("7..8", 2)]
    assert of_numbers([]) == []


def test_ranks_and_values_keep_their_order() -> None:
    assert dict(of_ranks([20, 1, 3, 8, 99, None, None])) == {
        "1": 1, "3": 1, "6..10": 1, "11..20": 1, "51 or more": 1, "not retrieved": 2,
    }  # fmt: skip
    assert of_values([10, 2, 2]) == [("2", 2), ("10", 1)]
    assert [label for label, _ in of_ranks([20, None, 3])] == ["3", "11..20", "not retrieved"]
    assert of_values(["hard", "random", "hard"]) == [("hard", 2), ("random", 1)]


def test_bars_have_the_length_of_their_share() -> None:
    lines = draw([("a", 30), ("long", 15), ("none", 0)]).splitlines()
    assert [line.count("█") for line in lines] == [30, 15, 0]
    assert lines[1].startswith("long ")
    assert draw([]) == ""
