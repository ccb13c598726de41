"""Intervals cover what they promise, pairs find real differences, and equal arms stay undecided."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train import statistics
from train.statistics import Floats

RESAMPLES = 400


def answers(seed: int, *shares: float, n: int = 60) -> Floats:
    """Right or wrong for every question and arm; arms share the questions' difficulty."""
    generator = np.random.default_rng(seed)
    hardness_N1 = generator.random((n, 1))
    luck_NA = generator.random((n, len(shares)))
    return ((hardness_N1 + luck_NA) / 2 < np.array(shares)).astype(float)


def test_interval_of_the_mean_covers_the_truth_about_95_times_of_100() -> None:
    sets = [np.random.default_rng(s).random((60, 1)) < 0.4 for s in range(300)]
    found = [statistics.mean_intervals(v.astype(float), RESAMPLES, 1)[0] for v in sets]
    covered = sum(i.low <= 0.4 <= i.high for i in found) / len(found)
    assert 0.90 <= covered <= 0.99


def test_interval_repeats_with_its_seed_and_holds_the_mean() -> None:
    values_NA = answers(3, 0.5)
    first, again = (statistics.mean_intervals(values_NA, RESAMPLES, 7)[0] for _ in range(2))
    assert first == again
    assert first.low < first.value < first.high


@pytest.mark.parametrize(("value", "low", "high"), [(0.0, 0.0, 0.0596), (1.0, 0.9404, 1.0)])
def test_interval_of_equal_values_is_the_exact_bound(value: float, low: float, high: float) -> None:
    found = statistics.mean_intervals(np.full((60, 1), value), RESAMPLES, 0)[0]
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_pair_with_a_real_difference_is_decided() -> None:
    pair = statistics.paired_differences(["rag", "raft"], answers(1, 0.4, 0.7), RESAMPLES, 0)[0]
    assert (pair.better, pair.worse) == ("raft", "rag")
    assert pair.decided
    assert pair.difference.low > 0
    assert pair.more_questions == 0


def test_pair_of_nearly_equal_arms_is_undecided_and_says_how_many_questions() -> None:
    values_NA = answers(1, 0.5, 0.55)
    pair = statistics.paired_differences(["a", "b"], values_NA, RESAMPLES, 0)[0]
    assert not pair.decided
    assert pair.more_questions is not None
    assert pair.more_questions > 20


def test_pair_of_identical_arms_has_no_number_of_questions_and_an_open_interval() -> None:
    values_NA = np.repeat(answers(2, 0.5), 2, axis=1)
    pair = statistics.paired_differences(["a", "b"], values_NA, RESAMPLES, 0)[0]
    assert pair.more_questions is None
    assert pair.p == 1
    assert pair.difference.low < 0 < pair.difference.high


def test_five_equal_arms_are_seldom_called_different() -> None:
    """An A/A test of the rule: with ten pairs at once, corrected, few sets show any winner."""
    arms = list("abcde")
    false_alarms = sum(
        any(p.decided for p in statistics.paired_differences(arms, values_NA, RESAMPLES, 0))
        for values_NA in (answers(seed, *[0.5] * 5) for seed in range(150))
    )
    assert false_alarms / 150 <= 0.08


def test_pairing_is_narrower_than_comparing_two_separate_means() -> None:
    values_NA = answers(5, 0.45, 0.55, n=200)
    pair = statistics.paired_differences(["a", "b"], values_NA, RESAMPLES, 0)[0].difference
    one, other = statistics.mean_intervals(values_NA, RESAMPLES, 0)
    assert pair.high - pair.low < (one.high - one.low) + (other.high - other.low)


def test_one_question_gives_a_pair_that_decides_nothing() -> None:
    pair = statistics.paired_differences(["a", "b"], np.array([[0.0, 1.0]]), RESAMPLES, 0)[0]
    assert not pair.decided
    assert pair.more_questions is None


def test_holm_matches_a_worked_example() -> None:
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = statistics.holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    ranked = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)


def test_questions_needed_shrinks_the_interval_until_it_excludes_zero() -> None:
    """With n such questions the half width of a normal interval is the difference itself."""
    differences_N = np.array([1.0] * 22 + [-1.0] * 18 + [0.0] * 20)
    more = statistics.questions_needed(differences_N, 0.05)
    assert more is not None
    total = len(differences_N) + more
    half_width = 1.96 * differences_N.std(ddof=1) / np.sqrt(total)
    assert half_width == pytest.approx(differences_N.mean(), rel=0.01)


def test_questions_needed_beyond_reason_is_none() -> None:
    differences_N = np.array([1.0] * 501 + [-1.0] * 500)
    assert statistics.questions_needed(differences_N, 0.05) is None
