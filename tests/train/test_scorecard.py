"""What a summary counts as an abstention: saying nothing, or what training and serving say."""

from cluster.prompts import ABSTENTION, render_target
from tests.train.exam import example
from train.arms import Arm
from train.client import Reply
from train.interview import Outcome
from train.scorecard import Yardstick, score_row, summarise
from train.statistics import Interval

ARM = Arm("raft", "exam-raft", True)


def reply(answer: str) -> Reply:
    text = render_target("", answer)
    return Reply("m", text, answer, (), (), "used", "g1", 0, "stop", 1, 1, 0.1)


def test_abstentions_are_counted_and_are_wrong() -> None:
    answers = [ABSTENTION, "Not in the documents.", " ", "number 3"]
    outcomes = [Outcome("raft", example(n), reply(a)) for n, a in enumerate(answers)]
    rows = [score_row(outcome, True, Yardstick("exact_match", ())) for outcome in outcomes]
    assert [row.value for row in rows] == [0.0, 0.0, 0.0, 1.0]
    summary = summarise(rows, ARM, "exact_match", Interval(0.25, 0.0, 0.5))
    assert summary.abstention_rate == 0.75
