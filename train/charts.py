"""The charts of a report as inline SVG text: no scripts, no fonts, no images, nothing to fetch.

Colours are CSS variables of the page (`--ink`, `--soft`, `--line`, and one `--c` for every class
`arm-N`), so the same drawing serves light and dark. Coordinates are user units of a `viewBox`; the
browser scales them. Every chart has a title for screen readers, and the table beside it all numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from train.arms import ARMS
from train.scorecard import ArmSummary
from train.statistics import PairedDifference
from train.verdict import percent, points, span

WIDTH = 540
_LEFT, _RIGHT = 84, 124  # room for names left and numbers right of the plot
_LEFT_OF_PAIRS = 132
_ROW, _TOP, _BOTTOM = 38, 8, 30
_SCATTER_HEIGHT = 300
_NEAR = 90, 22  # two labels side by side need this much room


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps `low..high` of the data to `start..end` of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def quality_chart(arms: Sequence[ArmSummary], title: str) -> str:
    """A bar for every arm on 0-100 %, with the whisker of its 95 % interval."""
    x = Scale(0, 1, _LEFT, WIDTH - _RIGHT)
    height = _TOP + _ROW * len(arms) + _BOTTOM
    parts = _grid(x, [tick / 5 for tick in range(6)], height, lambda v: f"{100 * v:.0f} %")
    for row, arm in enumerate(arms):
        y = _row_middle(row)
        low, high = arm.ci95
        parts += [
            _name(arm.arm, _LEFT, y),
            f'<g class="{arm_class(arm.arm)}">',
            _bar(x(0), x(arm.value), y, "bar"),
            _whisker(x(low), x(high), y),
            f'<circle class="dot" cx="{x(arm.value)}" cy="{y}" r="4.5"/></g>',
            _number(percent(arm.value), f"{100 * low:.1f} to {100 * high:.1f}", y),
        ]
    return _svg(height, title, parts)


def forest_chart(pairs: Sequence[PairedDifference], title: str) -> str:
    """A dot and a whisker for every pair; what does not touch the zero line is no chance."""
    low = min(-0.05, *(pair.difference.low for pair in pairs))
    high = max(0.05, *(pair.difference.high for pair in pairs))
    x = Scale(low, high, _LEFT_OF_PAIRS, WIDTH - _RIGHT)
    height = _TOP + _ROW * len(pairs) + _BOTTOM
    step = nice_step(high - low, 6)
    ticks = [step * n for n in range(ceil(low / step), floor(high / step) + 1)]
    parts = _grid(x, ticks, height, lambda v: points(v).removesuffix(".0"))
    parts.append(_line(x(0), _TOP, x(0), height - _BOTTOM, "zero"))
    for row, pair in enumerate(pairs):
        y, found = _row_middle(row), pair.difference
        kind = "decided" if pair.decided else "open"
        parts += [
            _name(f"{pair.better} − {pair.worse}", _LEFT_OF_PAIRS, y),
            f'<g class="{kind}">{_whisker(x(found.low), x(found.high), y)}',
            f'<circle class="dot" cx="{x(found.value)}" cy="{y}" r="5"/></g>',
            _number(points(found.value), span(found), y),
        ]
    return _svg(height, title, parts)


def tradeoff_chart(arms: Sequence[ArmSummary], title: str) -> str:
    """Median latency against quality: up and to the left is better."""
    shown = [arm for arm in arms if arm.latency_p50_s is not None]
    slowest = max((arm.latency_p50_s or 0 for arm in shown), default=1.0) or 1.0
    x = Scale(0, slowest * 1.08, 52, WIDTH - 70)
    top = min(1.0, max((arm.ci95[1] for arm in shown), default=1.0) * 1.05 + 0.02)
    y = Scale(0, top, _SCATTER_HEIGHT - 48, 14)
    parts = _axes(x, nice_step(x.high, 5), y, nice_step(top, 5))
    spots = [(x(arm.latency_p50_s or 0), y(arm.value)) for arm in shown]
    for arm, (at_x, at_y) in zip(shown, spots, strict=True):
        left = _crowded(at_x, at_y, spots)
        parts += [
            f'<g class="{arm_class(arm.arm)}">',
            _line(at_x, y(arm.ci95[0]), at_x, y(arm.ci95[1]), "whisker"),
            f'<circle class="dot" cx="{at_x}" cy="{at_y}" r="7"/></g>',
            _text(
                at_x + (-13 if left else 13), at_y + 4.5, arm.arm, "name end" if left else "name"
            ),
        ]
    return _svg(_SCATTER_HEIGHT, title, parts)


def tokens_chart(arms: Sequence[ArmSummary], title: str) -> str:
    """Mean tokens a question, prompt and answer side by side: what each arm costs."""
    totals = [(arm.tokens_in or 0) + (arm.tokens_out or 0) for arm in arms]
    most = max(totals, default=0) or 1.0
    x = Scale(0, most, _LEFT, WIDTH - _RIGHT)
    height = _TOP + _ROW * len(arms) + _BOTTOM
    step = nice_step(most, 5)
    ticks = [step * n for n in range(int(most / step) + 1)]
    parts = _grid(x, ticks, height, lambda v: f"{v:,.0f}")
    for row, (arm, total) in enumerate(zip(arms, totals, strict=True)):
        y, read = _row_middle(row), arm.tokens_in or 0
        parts += [
            _name(arm.arm, _LEFT, y),
            f'<g class="{arm_class(arm.arm)}">{_bar(x(0), x(read), y, "bar")}',
            f"{_bar(x(read), x(total), y, 'bar full')}</g>",
            _number(f"{total:,.0f}", f"{read:,.0f} in + {arm.tokens_out or 0:,.0f} out", y),
        ]
    return _svg(height, title, parts)


def arm_class(arm: str) -> str:
    """CSS class that carries an arm's colour; the same arm has the same colour in every report."""
    return f"arm-{ARMS.index(arm)}"


def nice_step(reach: float, count: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that cuts `reach` into at most `count` parts."""
    raw = reach / count
    power = 10.0 ** floor(log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


def _crowded(x: float, y: float, spots: Sequence[tuple[float, float]]) -> bool:
    """Whether a label right of a spot would cover another spot; then it goes to its left."""
    width, height = _NEAR
    others = [(a - x, abs(b - y)) for a, b in spots if (a, b) != (x, y)]
    return any(0 <= right < width and off < height for right, off in others)


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    name = escape(title)
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}">'
    return "".join([head, f"<title>{name}</title>", *parts, "</svg>"])


def _grid(
    x: Scale, ticks: Sequence[float], height: float, write: Callable[[float], str]
) -> list[str]:
    bottom = height - _BOTTOM
    lines = [_line(x(tick), _TOP, x(tick), bottom, "grid") for tick in ticks]
    texts = [_text(x(tick), bottom + 20, write(tick), "tick middle") for tick in ticks]
    return lines + texts


def _axes(x: Scale, x_step: float, y: Scale, y_step: float) -> list[str]:
    parts = []
    for n in range(int(y.high / y_step + 1e-9) + 1):
        at = y(n * y_step)
        parts.append(_line(x.start, at, x.end, at, "grid"))
        parts.append(_text(x.start - 10, at + 4, f"{100 * n * y_step:.0f} %", "tick end"))
    for n in range(int(x.high / x_step + 1e-9) + 1):
        parts.append(_text(x(n * x_step), y.start + 20, f"{n * x_step:.3g} s", "tick middle"))
    caption = "median latency of an answer (lower is better)"
    middle = (x.start + x.end) / 2
    return [*parts, _text(middle, y.start + 40, caption, "tick middle")]


def _row_middle(row: int) -> float:
    return _TOP + _ROW * row + _ROW / 2


def _name(text: str, left: float, y: float) -> str:
    return _text(left - 12, y + 4.5, text, "name end")


def _number(value: str, detail: str, y: float) -> str:
    x = WIDTH - _RIGHT + 14
    return _text(x, y - 1, value, "value") + _text(x, y + 13, detail, "tick")


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _bar(x1: float, x2: float, y: float, kind: str) -> str:
    width = max(0.0, x2 - x1)
    return f'<rect class="{kind}" x="{x1:g}" y="{y - 9:g}" width="{width:g}" height="18" rx="3"/>'


def _whisker(x1: float, x2: float, y: float) -> str:
    caps = [_line(x, y - 6, x, y + 6, "whisker") for x in (x1, x2)]
    return "".join([_line(x1, y, x2, y, "whisker"), *caps])
