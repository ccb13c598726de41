"""Rows of tables that are drawn as grids: what stands between two rules is one row."""

from bisect import bisect
from collections.abc import Sequence

from data_prep.documents.formats.pdf.page.shapes import Line, Rule

_THICK = 3.0
_MIN_RULES = 3  # both ways: two borders and one between
_MIN_LENGTH = 8.0


def mark_rows(lines: Sequence[Line], rules: Sequence[Rule]) -> None:
    """Number the ruled rows that lines stand in; rules that go one way only make no grid."""
    level = {round(y0) for x0, y0, x1, y1 in rules if y1 - y0 < _THICK and x1 - x0 > _MIN_LENGTH}
    upright = [
        rule for rule in rules if rule[2] - rule[0] < _THICK < _MIN_LENGTH < rule[3] - rule[1]
    ]
    if len(level) < _MIN_RULES or len({round(rule[0]) for rule in upright}) < _MIN_RULES:
        return
    bands = sorted(level)
    top, bottom = max(rule[3] for rule in upright), min(rule[1] for rule in upright)
    for line in lines:
        middle = line.y + 0.3 * line.size
        if bottom < middle < top:
            band = bisect(bands, middle)
            line.row = band if 0 < band < len(bands) else 0
