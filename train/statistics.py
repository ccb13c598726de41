"""Which differences between arms are real. Pure, numpy only, every number repeatable by its seed.

All arms answer the same questions, so questions are resampled, not answers: one draw of questions
gives a mean for every arm at once, and the spread of a difference is the paired one (on the same data
paired p=0.036 against unpaired p=0.149 has been seen, inspect_ai#4206). Arrays: `values_NA`
questions x arms in 0..1, `means_RA` resamples x arms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL = 0.95
ALPHA = 1 - LEVEL
MAX_QUESTIONS = (
    100_000  # nobody writes more for one decision: above it we say so instead of a number
)
_CHUNK = 4_000_000  # counts held in memory at once


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """`better` minus `worse` over the same questions; `better` has the higher or an equal mean.

    `p` is two-sided, `p_holm` the same after Holm's correction for all pairs of the comparison.
    `more_questions` estimates how many further questions would settle it: 0 when it is settled,
    None when no number below `MAX_QUESTIONS` can be named.
    """

    better: str
    worse: str
    difference: Interval
    p: float
    p_holm: float
    n: int
    more_questions: int | None

    @property
    def decided(self) -> bool:
        """Interval and corrected p agree that the difference is not chance."""
        return self.difference.excludes_zero and self.p_holm <= ALPHA

    @property
    def leaning(self) -> bool:
        """The interval alone excludes 0, but not after correcting for the number of pairs."""
        return self.difference.excludes_zero and not self.decided


def resample_means(values_NA: Floats, resamples: int, seed: int) -> Floats:
    """Means of every arm over `resamples` draws of N questions with replacement: `means_RA`."""
    n = len(values_NA)
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // n)
    parts = [
        generator.multinomial(n, np.full(n, 1 / n), size=min(step, resamples - start)) @ values_NA
        for start in range(0, resamples, step)
    ]
    means_RA: Floats = np.concatenate(parts) / n
    return means_RA


def interval(values_N: Floats, means_R: Floats, lowest: float, highest: float) -> Interval:
    """Percentile interval of a mean whose single values lie in `lowest..highest`.

    Equal values have no spread to resample: 0 right of 60 would claim "0 to 0". There the bound is
    the exact one for an event never seen in N tries (Clopper & Pearson 1934).
    """
    value = float(values_N.mean())
    if np.ptp(values_N) == 0:
        unseen = 1 - (ALPHA / 2) ** (1 / len(values_N))
        return Interval(
            value, value - unseen * (value - lowest), value + unseen * (highest - value)
        )
    low, high = np.quantile(means_R, [ALPHA / 2, 1 - ALPHA / 2])
    return Interval(value, float(low), float(high))


def mean_intervals(values_NA: Floats, resamples: int, seed: int) -> list[Interval]:
    """The mean of every arm with its interval, in column order."""
    means_RA = resample_means(values_NA, resamples, seed)
    columns = range(values_NA.shape[1])
    return [interval(values_NA[:, arm], means_RA[:, arm], 0.0, 1.0) for arm in columns]


def paired_differences(
    arms: Sequence[str], values_NA: Floats, resamples: int, seed: int
) -> list[PairedDifference]:
    """Every pair of arms, compared question by question, in the order of `arms`."""
    means_RA = resample_means(values_NA, resamples, seed)
    pairs = [_oriented(values_NA, a, b) for a, b in combinations(range(len(arms)), 2)]
    shares = [two_sided(means_RA[:, a] - means_RA[:, b]) for a, b in pairs]
    return [
        _pair(
            (arms[a], arms[b]),
            values_NA[:, a] - values_NA[:, b],
            means_RA[:, a] - means_RA[:, b],
            (p, p_holm),
            len(pairs),
        )
        for (a, b), p, p_holm in zip(pairs, shares, holm(shares), strict=True)
    ]


def two_sided(differences_R: Floats) -> float:
    """Twice the smaller share of resamples on one side of 0, never exactly 0 (+1 rule)."""
    below, above = (differences_R <= 0).sum(), (differences_R >= 0).sum()
    return float(min(1.0, 2 * (min(below, above) + 1) / (len(differences_R) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction, in the order given (Holm 1979)."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def questions_needed(differences_N: Floats, alpha: float) -> int | None:
    """Further questions until the `1 - alpha` interval of the observed difference excludes 0.

    Takes the observed mean and spread for the true ones, so the chance to settle it at that number
    is about even. At least 1; None when the difference is 0, N < 2, or above `MAX_QUESTIONS`.
    """
    n, difference = len(differences_N), abs(float(differences_N.mean()))
    if n < 2 or difference == 0:
        return None
    quantile = NormalDist().inv_cdf(1 - alpha / 2)
    needed = (quantile * float(differences_N.std(ddof=1)) / difference) ** 2
    return max(1, ceil(needed) - n) if needed <= MAX_QUESTIONS else None


def _oriented(values_NA: Floats, a: int, b: int) -> tuple[int, int]:
    return (a, b) if values_NA[:, a].sum() >= values_NA[:, b].sum() else (b, a)


def _pair(
    names: tuple[str, str],
    differences_N: Floats,
    differences_R: Floats,
    p_values: tuple[float, float],
    pairs: int,
) -> PairedDifference:
    found = interval(differences_N, differences_R, -1.0, 1.0)
    p, p_holm = p_values
    settled = PairedDifference(*names, found, p, p_holm, len(differences_N), 0)
    if settled.decided:
        return settled
    alpha = ALPHA / pairs if settled.leaning else ALPHA
    more = questions_needed(differences_N, alpha)
    return PairedDifference(*names, found, p, p_holm, len(differences_N), more)
