"""Grids that rules draw: the borders of rows and columns, and cells over several of them.

A grid is rules that meet, with at least one that parts columns and three that part rows. Frames and
underlines have no such rules.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from data_prep.documents.formats.pdf.page.shapes import Rule

_THICK = 3.0
_MIN_LENGTH = 6.0
_NEAR = 3.0  # rules that far apart meet, or are one
_MIN_LEVELS = 3
_MAX_PAIRS = 200_000  # of rules that may meet: more make a drawing
_FULL_ROWS = 0.6  # of a table's rows have a rule between all of their columns

Bar = tuple[float, float, float]
"""A rule across (y, x0, x1), or one upwards (x, y0, y1)."""


@dataclass(slots=True)
class Grid:
    """Borders of columns from left to right and of rows from the bottom up, and the rules on them."""

    xs: list[float]
    ys: list[float]
    level: list[Bar]
    upright: list[Bar]

    def place(self, x: float, y: float) -> tuple[int, int] | None:
        """The (row from the top, column) of a point; None outside."""
        column, band = bisect_right(self.xs, x) - 1, bisect_right(self.ys, y) - 1
        if not (0 <= column < len(self.xs) - 1 and 0 <= band < len(self.ys) - 1):
            return None
        return len(self.ys) - 2 - band, column

    def owners(self) -> list[list[tuple[int, int]]]:
        """For each row and column, the row and column where its cell begins."""
        rows, columns = len(self.ys) - 1, len(self.xs) - 1
        found: list[list[tuple[int, int]]] = []
        for row in range(rows):
            top, bottom = self.ys[rows - row], self.ys[rows - row - 1]
            sides = _crossed(self.upright, (top + bottom) / 2)
            above = [bar for bar in self.level if abs(bar[0] - top) < _NEAR]
            line: list[tuple[int, int]] = []
            for at in range(columns):
                middle = (self.xs[at] + self.xs[at + 1]) / 2
                if at and not any(abs(x - self.xs[at]) < _NEAR for x in sides):
                    line.append(line[-1])
                elif row and above and not any(x0 < middle < x1 for _, x0, x1 in above):
                    line.append(found[-1][at])
                else:
                    line.append((row, at))
            found.append(line)
        return found

    def is_tabular(self) -> bool:
        """Whether most rows have all columns; forms and drawings have cells of many widths."""
        rows = self.owners()
        full = sum(len({column for _, column in row}) == len(row) for row in rows)
        return full >= _FULL_ROWS * len(rows)


def find_grids(rules: Sequence[Rule]) -> list[Grid]:
    """The grids of a page."""
    level = _merged((y0, x0, x1) for x0, y0, x1, y1 in rules
                    if y1 - y0 < _THICK and x1 - x0 > _MIN_LENGTH)  # fmt: skip
    upright = _merged((x0, y0, y1) for x0, y0, x1, y1 in rules
                      if x1 - x0 < _THICK and y1 - y0 > _MIN_LENGTH)  # fmt: skip
    if not upright or len(level) < _MIN_LEVELS or len(level) * len(upright) > _MAX_PAIRS:
        return []
    return [grid for part in _parts(level, upright) if (grid := _grid(*part)) is not None]


def _merged(bars: Iterable[Bar]) -> list[Bar]:
    """Rules at one place that touch, as one."""
    whole: list[list[float]] = []
    by_place: list[list[Bar]] = []
    for bar in sorted(bars):
        if by_place and bar[0] - by_place[-1][0][0] < _NEAR * 0.7:
            by_place[-1].append(bar)
        else:
            by_place.append([bar])
    for group in by_place:
        first = len(whole)
        for place, start, end in sorted(group, key=lambda bar: bar[1]):
            if len(whole) > first and start - whole[-1][2] < _NEAR:
                whole[-1][2] = max(whole[-1][2], end)
            else:
                whole.append([place, start, end])
    return sorted((place, start, end) for place, start, end in whole)


def _parts(level: Sequence[Bar], upright: Sequence[Bar]) -> list[tuple[list[Bar], list[Bar]]]:
    """Rules that meet, directly or through others."""
    places = [bar[0] for bar in level]
    parent = list(range(len(level)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = at = parent[parent[at]]
        return at

    meets: list[int] = []
    for x, y0, y1 in upright:
        near = range(bisect_left(places, y0 - _NEAR), bisect_right(places, y1 + _NEAR))
        met = [at for at in near if level[at][1] - _NEAR < x < level[at][2] + _NEAR]
        for at in met[1:]:
            parent[root(at)] = root(met[0])
        meets.append(met[0] if met else -1)
    parts: dict[int, tuple[list[Bar], list[Bar]]] = {}
    for at, bar in enumerate(level):
        parts.setdefault(root(at), ([], []))[0].append(bar)
    for first, bar in zip(meets, upright, strict=True):
        if first >= 0:
            parts[root(first)][1].append(bar)
    return list(parts.values())


def _grid(level: list[Bar], upright: list[Bar]) -> Grid | None:
    if not upright:
        return None
    left, right = min(bar[1] for bar in level), max(bar[2] for bar in level)
    xs = _distinct([left, *(bar[0] for bar in upright), right])
    # a row that the end of a page cuts has no rule there
    ends = min(bar[1] for bar in upright), max(bar[2] for bar in upright)
    ys = _distinct([*(bar[0] for bar in level), *ends])
    if len(ys) < _MIN_LEVELS or len(xs) < 3:
        return None
    return Grid(xs, ys, level, upright)


def _distinct(places: Iterable[float]) -> list[float]:
    found: list[float] = []
    for place in sorted(places):
        if not found or place - found[-1] > _NEAR:
            found.append(place)
    return found


def _crossed(bars: Sequence[Bar], at: float) -> list[float]:
    return [place for place, start, end in bars if start - 1 < at < end + 1]
