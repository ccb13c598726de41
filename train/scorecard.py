"""From what came back to numbers: one row for every question and arm, one summary for every arm.

An error scores 0 and counts in n; measures that an error or a closed book has no value for are None
and stay out of their mean. Latency and tokens are of answered questions only.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cluster.prompts import is_abstention
from cluster.records import RaftExample
from train import metrics
from train.arms import Arm
from train.client import Reply
from train.interview import Outcome
from train.statistics import Floats, Interval

MAX_LABELS = 10  # a set with more distinct answers is no labelling task
P95_MINIMUM = 20  # below it the 95th percentile is just the slowest answer


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How a set is scored: its own metric, and its distinct answers when they are labels."""

    metric: str
    labels: Collection[str]

    @property
    def title(self) -> str:
        """The metric in words."""
        return metrics.METRIC_TITLES[self.metric]


@dataclass(frozen=True, slots=True)
class Row:
    """One question answered by one arm. `value` is by the set's own metric, the rest secondary."""

    question_id: str
    question: str
    expected: str
    oracle: tuple[str, ...]
    arm: str
    model: str | None
    answer: str
    text: str
    value: float
    exact_match: float
    f1: float
    label: float | None
    contains: float
    citations: tuple[Mapping[str, Any], ...]
    citation_precision: float | None
    citation_recall: float | None
    retrieval_recall: float | None
    retrieved: tuple[str, ...]
    rag_status: str | None
    unverified_quotes: int
    finish_reason: str | None
    latency_s: float | None
    tokens_in: int | None
    tokens_out: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """One arm over all questions. Rates and metrics in 0..1, latency in seconds, tokens a question."""

    arm: str
    model: str
    rag: bool
    trained: bool
    n: int
    metric: str
    value: float
    ci95: tuple[float, float]
    exact_match: float
    f1: float
    label: float | None
    contains: float
    citation_precision: float | None
    citation_recall: float | None
    citation_rate: float | None
    retrieval_recall: float | None
    abstention_rate: float
    truncation_rate: float
    unverified_quotes: int
    latency_p50_s: float | None
    latency_p95_s: float | None
    tokens_in: float | None
    tokens_out: float | None
    tokens_in_total: int
    tokens_out_total: int
    errors: int


def score_row(outcome: Outcome, rag: bool, yardstick: Yardstick) -> Row:
    """The row of one outcome; an error gets value 0 and an empty answer."""
    example, reply = outcome.example, outcome.reply
    return Row(
        question_id=example.id,
        question=example.question,
        expected=example.answer,
        oracle=example.oracle,
        arm=outcome.arm,
        error=outcome.error,
        **_quality(example, reply, yardstick),
        **_grounding(example, reply if rag else None),
        model=reply.model if reply else None,
        answer=reply.answer if reply else "",
        text=reply.text if reply else "",
        finish_reason=reply.finish_reason if reply else None,
        latency_s=reply.latency_s if reply else None,
        tokens_in=reply.tokens_in if reply else None,
        tokens_out=reply.tokens_out if reply else None,
    )


def _quality(example: RaftExample, reply: Reply | None, yardstick: Yardstick) -> dict[str, Any]:
    def scored(metric: str) -> float:
        if reply is None:
            return 0.0
        return metrics.score(metric, reply.answer, example.answer, yardstick.labels)

    return {
        "value": scored(yardstick.metric),
        "exact_match": scored("exact_match"),
        "f1": scored("f1"),
        "label": scored("label") if yardstick.labels else None,
        "contains": metrics.contains(reply.text, example.answer) if reply else 0.0,
    }


def _grounding(example: RaftExample, reply: Reply | None) -> dict[str, Any]:
    """What an open-book reply stands on; nothing for a closed book or an error."""
    cited = [str(citation["doc_id"]) for citation in reply.citations] if reply else []
    return {
        "citations": reply.citations if reply else (),
        "citation_precision": metrics.citation_precision(cited, example.oracle),
        "citation_recall": metrics.recall(cited, example.oracle) if reply else None,
        "retrieval_recall": metrics.recall(reply.retrieved, example.oracle) if reply else None,
        "retrieved": reply.retrieved if reply else (),
        "rag_status": reply.rag_status if reply else None,
        "unverified_quotes": reply.unverified_quotes if reply else 0,
    }


def values_by_arm(rows: Sequence[Row], arms: Sequence[Arm]) -> Floats:
    """`values_NA`, questions in the order of `rows`."""
    columns = [[row.value for row in rows if row.arm == arm.name] for arm in arms]
    return np.array(columns, dtype=np.float64).T


def summarise(rows: Sequence[Row], arm: Arm, metric: str, value: Interval) -> ArmSummary:
    """The summary of one arm's rows; `value` is its mean with the interval from the bootstrap."""
    answered = [row for row in rows if row.error is None]
    return ArmSummary(
        arm=arm.name,
        model=arm.served,
        rag=arm.rag,
        trained=arm.trained,
        n=len(rows),
        metric=metric,
        value=value.value,
        ci95=(value.low, value.high),
        exact_match=_share(rows, lambda row: row.exact_match),
        f1=_share(rows, lambda row: row.f1),
        label=metrics.mean(row.label for row in rows),
        contains=_share(rows, lambda row: row.contains),
        citation_precision=metrics.mean(row.citation_precision for row in rows),
        citation_recall=metrics.mean(row.citation_recall for row in rows),
        citation_rate=_share(answered, lambda row: bool(row.citations)) if arm.rag else None,
        retrieval_recall=metrics.mean(row.retrieval_recall for row in rows),
        abstention_rate=_share(answered, lambda row: _abstains(row.answer)),
        truncation_rate=_share(answered, lambda row: row.finish_reason == "length"),
        unverified_quotes=sum(row.unverified_quotes for row in rows),
        errors=len(rows) - len(answered),
        **_cost(answered),
    )


def _abstains(answer: str) -> bool:
    """Whether an answer says nothing, or that the documents hold none."""
    return not answer.strip() or is_abstention(answer)


def _cost(answered: Sequence[Row]) -> dict[str, Any]:
    latencies = [row.latency_s for row in answered if row.latency_s is not None]
    tokens_in = [row.tokens_in or 0 for row in answered]
    tokens_out = [row.tokens_out or 0 for row in answered]
    enough = len(latencies) >= P95_MINIMUM
    return {
        "latency_p50_s": metrics.percentile(latencies, 0.5),
        "latency_p95_s": metrics.percentile(latencies, 0.95) if enough else None,
        "tokens_in": metrics.mean(tokens_in),
        "tokens_out": metrics.mean(tokens_out),
        "tokens_in_total": sum(tokens_in),
        "tokens_out_total": sum(tokens_out),
    }


def _share(rows: Sequence[Row], value: Callable[[Row], float]) -> float:
    return metrics.mean([float(value(row)) for row in rows]) or 0.0
