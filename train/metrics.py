"""How good one answer is. Pure functions: the answer and what the set expects -> a number in 0..1.

Normalisation, exact match and token F1 are SQuAD's (Rajpurkar et al. 2016, the official script), so
values compare with published ones. Citation and retrieval measures count documents, not chunks:
a set names its oracles by document. None means "does not apply" and is never averaged as 0.
An API call is judged by what it names, as in Gorilla (Patil et al. 2023, arXiv 2305.15334, a match of
syntax trees), but by the first call of the function and not by any in the answer.
"""

import re
import string
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import get_args

from cluster.api_calls import answer_call, find_calls
from cluster.records import Metric

METRICS: tuple[Metric, ...] = get_args(Metric)
METRIC_TITLES = {
    "exact_match": "exact match", "f1": "token F1", "label": "label accuracy",
    "api_call": "right API calls",
}  # fmt: skip

_PUNCTUATION = str.maketrans("", "", string.punctuation + "‘’“”´`")
_NOT_DENIED = r"(?<!\bnot )(?<!n't )(?<!n’t )"
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise(text: str) -> str:
    """Lower case, without punctuation, English articles and repeated white space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, expected: str) -> float:
    """1.0 when both are equal after normalisation."""
    return float(normalise(answer) == normalise(expected))


def token_f1(answer: str, expected: str) -> float:
    """Harmonic mean of token precision and recall; two empty texts agree, one empty text does not."""
    have, wanted = normalise(answer).split(), normalise(expected).split()
    if not have or not wanted:
        return float(have == wanted)
    shared = sum((Counter(have) & Counter(wanted)).values())
    return 2 * shared / (len(have) + len(wanted))


def contains(text: str, expected: str) -> float:
    """1.0 when the expected words stand in `text` next to each other; lenient, so only secondary."""
    wanted = normalise(expected)
    return float(bool(wanted) and f" {wanted} " in f" {normalise(text)} ")


def find_label(answer: str, labels: Collection[str]) -> str | None:
    """The allowed label that occurs first in `answer` as whole words; the longest of equal starts.

    Labels of one character (multiple choice) keep their case, so that "A" is not found in "a dog". One
    that is denied ("is not supported") is not meant.
    """
    found = [
        (match.start(), -len(label), label) for label in labels if (match := _at(answer, label))
    ]
    return min(found)[2] if found else None


def label_match(answer: str, expected: str, labels: Collection[str]) -> float:
    """1.0 when the first allowed label in `answer` is the expected one, whatever its case."""
    found = find_label(answer, {*labels, expected})
    return float(found is not None and found.casefold() == expected.casefold())


def call_match(answer: str, expected: str) -> float:
    """1.0 when the first call of the expected function in `answer` has all texts of the expected one.

    Flags and numbers do not count. Where no call is expected, an exact match.
    """
    wanted = answer_call(expected)
    if wanted is None:
        return exact_match(answer, expected)
    made = next((call for call in find_calls(answer) if call.calls_as(wanted)), None)
    return float(made is not None and wanted.names <= made.values)


def score(metric: str, answer: str, expected: str, labels: Collection[str]) -> float:
    """The value of `answer` by one of `METRICS`."""
    if metric == "label":
        return label_match(answer, expected, labels)
    return _SCORES[metric](answer, expected)


_SCORES = {"exact_match": exact_match, "f1": token_f1, "api_call": call_match}


def citation_precision(cited: Iterable[str], oracle: Collection[str]) -> float | None:
    """Share of the cited documents that are oracles; None for an answer that cites nothing."""
    documents = set(cited)
    return len(documents & set(oracle)) / len(documents) if documents else None


def recall(found: Iterable[str], oracle: Collection[str]) -> float | None:
    """Share of the oracle documents that were cited, or retrieved; None without oracles."""
    wanted = set(oracle)
    return len(wanted & set(found)) / len(wanted) if wanted else None


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values that apply; None when none does."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0..1) of the values lie, interpolated; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def _at(answer: str, label: str) -> re.Match[str] | None:
    if not label.strip():
        return None
    flags = re.IGNORECASE if len(label) > 1 else re.NOFLAG
    return re.search(rf"(?<!\w){_NOT_DENIED}{re.escape(label)}(?!\w)", answer, flags)
