"""The order of reading: columns of prose are read one after the other, tables across.

A gutter is a place that no piece crosses over some lines, with sentences that run on from line to
line on both of its sides.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from data_prep.documents.formats.pdf.page.shapes import Piece, Rule

_MAX_DEPTH = 4
_MAX_CANDIDATES = 12
_MIN_LINES = 3
_MIN_GAP = 0.7  # of the font's size
_FLOWING = 0.25
_GRID = 3.0


def regions(
    pieces: Sequence[Piece], rules: Sequence[Rule], depth: int = 0
) -> Iterator[list[Piece]]:
    """Groups of pieces to be read one after the other."""
    ordered = sorted(pieces, key=lambda piece: (-piece.y, piece.x0))
    best = _best_gutter(ordered, rules) if depth < _MAX_DEPTH else None
    if best is None:
        yield ordered
        return
    whole: list[Piece] = []
    for is_split, band in best[1]:
        if not is_split:
            whole.extend(band)
            continue
        if whole:
            yield from regions(whole, rules, depth + 1)
            whole = []
        for side in _sides(band, best[0]):
            yield from regions(side, rules, depth + 1)
    if whole:
        yield from regions(whole, rules, depth + 1)


Bands = list[tuple[bool, list[Piece]]]


def _best_gutter(pieces: list[Piece], rules: Sequence[Rule]) -> tuple[float, Bands] | None:
    """The right edge of the gutter that parts most lines, and the bands that it parts or not."""
    best: tuple[int, float, Bands] = (0, 0.0, [])
    for x in _candidates(pieces):
        bands = [(_is_parted(band, x, rules), band) for band in _bands(pieces, x)]
        lines = sum(len(band) for parted, band in bands if parted)
        if lines > best[0]:
            best = lines, x, bands
    return best[1:] if best[0] else None


def _candidates(pieces: Sequence[Piece]) -> list[float]:
    """Places where several lines begin, the commonest ones, but not the left margin."""
    if len(pieces) < 2 * _MIN_LINES:
        return []
    left = min(piece.x0 for piece in pieces)
    width = max(piece.x1 for piece in pieces) - left
    starts = Counter(round(piece.x0 / _GRID) for piece in pieces if piece.x0 > left + width * 0.1)
    common = [place for place, count in starts.most_common(_MAX_CANDIDATES) if count >= _MIN_LINES]
    return [place * _GRID - _GRID / 2 for place in common]


def _bands(pieces: Sequence[Piece], x: float) -> Iterator[list[Piece]]:
    """Runs of pieces none of which crosses the gutter left of `x`, and runs of those that do."""
    band: list[Piece] = []
    was_crossing = False
    for piece in pieces:
        crossing = piece.x0 < x - _GRID and piece.x1 > x - piece.size * _MIN_GAP + _GRID / 2
        if band and crossing != was_crossing:
            yield band
            band = []
        band.append(piece)
        was_crossing = crossing
    if band:
        yield band


def _sides(band: Sequence[Piece], x: float) -> tuple[list[Piece], list[Piece]]:
    left = [piece for piece in band if piece.x0 < x - _GRID]
    return left, [piece for piece in band if piece.x0 >= x - _GRID]


def _is_parted(band: Sequence[Piece], x: float, rules: Sequence[Rule]) -> bool:
    left, right = _sides(band, x)
    if min(len(left), len(right)) < _MIN_LINES:
        return False
    if not (_is_prose(left) and _is_prose(right)):
        return False
    top, bottom = max(piece.y for piece in band), min(piece.y for piece in band)
    inside = {
        round(y0) for x0, y0, x1, y1 in rules
        if y1 - y0 < 3 and x0 < x - 20 < x + 20 < x1 and bottom < y0 < top
    }  # fmt: skip
    return len(inside) < 2


def _is_prose(pieces: Sequence[Piece]) -> bool:
    """Whether lines fill their column and run on from one to the next."""
    words = [piece.text.split() for piece in pieces]
    width = max(piece.x1 for piece in pieces) - min(piece.x0 for piece in pieces)
    filled = median(piece.x1 - piece.x0 for piece in pieces) > width * 0.45
    count = sum(map(len, words))
    numbers = sum(word[0].isdigit() or word[-1].isdigit() for line in words for word in line)
    wordy = count >= len(pieces) * 2 or max(len(piece.text) for piece in pieces) > 20
    follow = [_runs_on(a.text, b.text) for a, b in pairwise(pieces)]
    return (
        filled and wordy and numbers < count * 0.3 and sum(follow) >= max(1, len(follow) * _FLOWING)
    )


def _runs_on(line: str, following: str) -> bool:
    first, last = following[0], line[-1]
    if first.islower():
        return last not in ".!?"
    return last == "-" or (first.isalpha() and not first.isupper() and last not in "。！？")
