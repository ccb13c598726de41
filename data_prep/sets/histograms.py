"""Counts as text: what a card shows of many numbers.

A histogram is (label, count) pairs in order: a mapping would lose it in a manifest, whose keys are sorted.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

Histogram = list[tuple[str, int]]
_BINS, _BAR_CHARS = 10, 30


def of_numbers(values: Iterable[float], bins: int = _BINS) -> Histogram:
    """At most about `bins` ranges of one round width (1, 2 or 5 times a power of ten)."""
    found = list(values)
    if not found:
        return []
    low, high = min(found), max(found)
    step = _round_step((high - low) / bins) if high > low else 1.0
    digits = max(0, -math.floor(math.log10(step)))
    counts = Counter(math.floor(value / step + 1e-9) for value in found)
    return [
        (f"{place * step:.{digits}f}..{(place + 1) * step:.{digits}f}", counts[place])
        for place in range(min(counts), max(counts) + 1)
    ]


def of_ranks(ranks: Iterable[int | None]) -> Histogram:
    """Ranks 1 to 5 one by one, then in ranges; None is a chunk that was not retrieved."""
    labels = Counter(_rank_label(rank) for rank in ranks)
    return [(label, labels[label]) for label in _RANK_LABELS if labels[label]]


def of_values(values: Iterable[object]) -> Histogram:
    """Each value with its count; numbers in their order, all else by name."""
    counts = Counter(values)
    ordered = sorted(counts, key=lambda value: (not isinstance(value, int), value))
    return [(str(value), counts[value]) for value in ordered]


def draw(histogram: Sequence[tuple[str, int]]) -> str:
    """Lines of label, bar and count, for a monospaced font."""
    width = max((len(label) for label, _ in histogram), default=0)
    most = max((count for _, count in histogram), default=0)
    return "\n".join(
        f"{label:>{width}} {_bar(count, most):<{_BAR_CHARS}} {count}" for label, count in histogram
    )


def _bar(count: int, most: int) -> str:
    return "█" * max(round(_BAR_CHARS * count / most), 1) if count else ""


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * (1 - 1e-9))


_RANK_LABELS = ("1", "2", "3", "4", "5", "6..10", "11..20", "21..50", "51 or more", "not retrieved")
_RANK_ENDS = (10, 20, 50)


def _rank_label(rank: int | None) -> str:
    if rank is None:
        return _RANK_LABELS[-1]
    if rank <= 5:
        return str(rank)
    place = next((n for n, end in enumerate(_RANK_ENDS) if rank <= end), len(_RANK_ENDS))
    return _RANK_LABELS[5 + place]
