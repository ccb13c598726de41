"""The verdict says "best" only when it is shown, else "undecided", and never hides cost or failures."""

from dataclasses import replace

import numpy as np
import pytest

from train.arms import plan_arms
from train.scorecard import ArmSummary
from train.statistics import PairedDifference, paired_differences
from train.verdict import rank, round_up, verdict

N = 60


def summary(name: str, value: float, tokens: float = 500, latency_s: float = 2.0) -> ArmSummary:
    arm = plan_arms([name], "exam-dsf", "exam-raft")[0]
    return ArmSummary(
        arm=name, model=arm.model, rag=arm.rag, trained=arm.trained, n=N, metric="exact_match",
        value=value, ci95=(value, value), exact_match=value, f1=value, label=None, contains=value,
        citation_precision=None, citation_recall=None, citation_rate=None, retrieval_recall=None,
        abstention_rate=0, truncation_rate=0, unverified_quotes=0, latency_p50_s=latency_s,
        latency_p95_s=None, tokens_in=tokens, tokens_out=10, tokens_in_total=0, tokens_out_total=0,
        errors=0,
    )  # fmt: skip


def pairs(arms: list[ArmSummary]) -> list[PairedDifference]:
    """Differences of arms whose right answers are the first `value` of the questions."""
    columns = [np.arange(N) < round(arm.value * N) for arm in arms]
    values_NA = np.array(columns, dtype=float).T
    return paired_differences([arm.arm for arm in arms], values_NA, 500, 0)


def pair(better: str, worse: str, values: tuple[float, float, float]) -> PairedDifference:
    """A difference that is settled when its interval excludes 0; as if p followed the interval."""
    names = paired_differences([better, worse], np.array([[1.0, 0.0], [0.0, 1.0]]), 100, 0)[0]
    difference = replace(names.difference, value=values[0], low=values[1], high=values[2])
    p = 0.01 if difference.excludes_zero else 0.3
    more = 0 if difference.excludes_zero else 412
    return PairedDifference(better, worse, difference, p, p, N, more)


def test_verdict_of_a_clear_winner_names_the_runner_up_and_rag() -> None:
    arms = [summary("rag", 0.5), summary("dsf+rag", 0.6), summary("raft", 0.85)]
    found = [
        pair("dsf+rag", "rag", (0.1, -0.02, 0.22)),
        pair("raft", "dsf+rag", (0.25, 0.15, 0.3667)),
        pair("raft", "rag", (0.35, 0.2333, 0.4833)),
    ]
    assert verdict(arms, found) == (
        "raft answers best on this set: 85.0 % exact match, +25.0 points over dsf+rag "
        "(95 % CI 15.0 to 36.7, n=60); raft is +35.0 over rag (23.3 to 48.3)."
    )


def test_verdict_of_a_tie_is_undecided_and_says_how_many_questions() -> None:
    arms = [summary("rag", 0.533), summary("dsf+rag", 0.683), summary("raft", 0.717)]
    found = [
        pair("raft", "dsf+rag", (0.0333, -0.0667, 0.1333)),
        pair("raft", "rag", (0.1833, 0.0667, 0.3)),
        pair("dsf+rag", "rag", (0.15, 0.02, 0.28)),
    ]
    assert verdict(arms, found) == (
        "Undecided between raft and dsf+rag: 71.7 % and 68.3 % exact match, +3.3 points "
        "(95 % CI −6.7 to 13.3, n=60); about 420 more questions needed; "
        "raft is +18.3 over rag (6.7 to 30.0)."
    )


def test_verdict_of_several_ties_names_them_all() -> None:
    arms = [summary("rag", 0.5), summary("dsf", 0.5), summary("raft", 0.5)]
    said = verdict(arms, pairs(arms))
    assert said.startswith("Undecided between rag and dsf (nor from raft): 50.0 % and 50.0 %")
    assert "no number of further questions can be named" in said


def test_verdict_against_rag_stays_open_when_it_is() -> None:
    arms = [summary("rag", 0.55), summary("dsf+rag", 0.6), summary("raft", 0.62)]
    found = [
        pair("raft", "dsf+rag", (0.02, -0.1, 0.14)),
        pair("raft", "rag", (0.07, -0.05, 0.19)),
        pair("dsf+rag", "rag", (0.05, -0.07, 0.17)),
    ]
    assert "raft against rag is open: +7.0 over rag (−5.0 to 19.0)" in verdict(arms, found)


def test_verdict_of_an_interval_that_fails_correction_is_undecided() -> None:
    arms = [summary("rag", 0.5), summary("raft", 0.6)]
    leaning = replace(pair("raft", "rag", (0.1, 0.01, 0.19)), p_holm=0.2, more_questions=55)
    said = verdict(arms, [leaning])
    assert said.startswith("Undecided between raft and rag")
    assert "not beyond chance once corrected for 1 pairs, about 55 more questions needed" in said


def test_verdict_with_a_cheaper_equal_names_it_and_its_cost() -> None:
    arms = [summary("rag", 0.7), summary("dsf", 0.7, tokens=50, latency_s=0.5)]
    arms.append(summary("raft", 0.7167))
    said = verdict(arms, pairs(arms))
    assert "dsf is the cheaper choice while it is open: 60 tokens a question, p50 0.5 s" in said


def test_verdict_with_an_untrained_cheaper_equal_says_so() -> None:
    arms = [summary("rag", 0.7, tokens=300), summary("raft", 0.7167)]
    assert "it needs no training" in verdict(arms, pairs(arms))


def test_verdict_of_a_clear_winner_recommends_nothing_cheaper() -> None:
    arms = [summary("base", 0.0, tokens=20, latency_s=0.1), summary("raft", 0.8)]
    assert "cheaper" not in verdict(arms, pairs(arms))


def test_verdict_without_a_right_answer_says_look_at_the_answers() -> None:
    arms = [summary("base", 0.0), summary("rag", 0.0)]
    assert verdict(arms, pairs(arms)).startswith("No arm answers this set: 0.0 % exact match")


def test_verdict_of_one_arm_compares_with_nothing() -> None:
    assert "nothing to compare with" in verdict([summary("raft", 0.8)], [])


@pytest.mark.parametrize(("failed", "words"), [(1, "1 request failed"), (3, "3 requests failed")])
def test_verdict_counts_failures(failed: int, words: str) -> None:
    arms = [replace(summary("rag", 0.5), errors=failed), summary("raft", 0.9)]
    assert words in verdict(arms, pairs(arms))


def test_verdict_tells_which_answers_were_cut_off() -> None:
    """An arm that quotes first and answers last loses by it more than others."""
    arms = [replace(summary("dsf", 0.53), truncation_rate=0.05), summary("rag", 0.3)]
    assert "cut off" not in verdict(arms, pairs(arms))
    arms.append(replace(summary("raft", 0.37), truncation_rate=0.28))
    said = verdict(arms, pairs(arms))
    assert "Answers cut off at --max-tokens: raft 28.0 %;" in said
    assert "raise it before trusting these scores" in said


def test_verdict_on_given_documents_says_so_where_an_arm_saw_them() -> None:
    arms = [summary("dsf", 0.5), summary("raft", 0.9)]
    assert "right documents were given" not in verdict(arms, pairs(arms))
    assert "right documents were given" in verdict(arms, pairs(arms), oracle=True)
    assert "given" not in verdict(arms[:1], [], oracle=True)


def test_verdict_on_few_questions_calls_itself_a_smoke_test() -> None:
    arms = [replace(summary("rag", 0.0), n=5), replace(summary("raft", 1.0), n=5)]
    assert "With 5 questions this is a smoke test." in verdict(arms, pairs(arms))


def test_rank_of_equal_arms_puts_the_cheaper_first() -> None:
    arms = [summary("rag", 0.5, tokens=500), summary("dsf", 0.5, tokens=50)]
    assert [arm.arm for arm in rank(arms)] == ["dsf", "rag"]


@pytest.mark.parametrize(("count", "shown"), [(1, 10), (7, 10), (55, 55), (412, 420), (1230, 1300)])
def test_question_counts_are_rounded_up_to_two_digits(count: int, shown: int) -> None:
    assert round_up(count) == shown
