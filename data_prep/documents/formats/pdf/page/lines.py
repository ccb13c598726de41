"""Words to pieces of lines, and pieces to lines.

A piece ends where the gap is wider than one between words. Words follow each other as they are drawn,
which tells columns apart; pieces that were drawn out of order are put together by their places.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from statistics import median

from data_prep.documents.formats.pdf.page.shapes import Line, Piece, Rule
from data_prep.documents.formats.pdf.page.words import Word

_WIDE_GAP = 0.9  # of the font's size
_BACK = 0.35
_RAISED = 0.5  # how far a footnote's sign or an index stands off the baseline
_SAME_LINE = 0.3
_MIN_GAPS = 2
_THICK, _TALL = 3.0, 6.0  # of upright rules
_TOUCH = 0.5
_MIN_WALL_GAP = 1.0  # a rule in a narrower gap is a stroke of the text


def turn(words: Sequence[Word]) -> int:
    """The quarters to the left by which most of a page's text is turned."""
    letters: Counter[int] = Counter()
    for word in words:
        letters[word.font.turns] += len(word.text)
    upright = [(count, turns) for turns, count in letters.items() if turns >= 0]
    return max(upright)[1] if upright else 0


class Walls:
    """Upright rules, which no piece goes over."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = sorted(r for r in rules if r[2] - r[0] < _THICK < _TALL < r[3] - r[1])
        self._places = [rule[0] for rule in self._rules]

    def between(self, left: float, right: float, y: float) -> bool:
        """Whether a rule stands between two places of a line."""
        first = bisect_left(self._places, left - _TOUCH)
        last = bisect_right(self._places, right + _TOUCH)
        return any(rule[1] < y < rule[3] for rule in self._rules[first:last])


def make_pieces(
    words: Sequence[Word], turns: int, rules: Sequence[Rule] = ()
) -> tuple[list[Piece], list[str]]:
    """The pieces of the text that is turned by `turns`, set upright, and all other text; `rules`
    are those of the page, upright."""
    walls = Walls(rules)
    pieces: list[Piece] = []
    asides: list[tuple[int, list[str]]] = []
    for word in words:
        if word.font.turns != turns:
            if not asides or asides[-1][0] != word.font.turns:
                asides.append((word.font.turns, []))
            asides[-1][1].append(word.text)
            continue
        piece = _upright(word, turns)
        if not isfinite(piece.x0 + piece.x1 + piece.y + piece.size):
            continue
        if not (pieces and _extend(pieces[-1], piece, walls)):
            pieces.append(piece)
    return _merge(pieces, walls), [" ".join(texts) for _, texts in asides]


def turned(box: tuple[float, float, float, float], turns: int) -> tuple[float, float, float, float]:
    """A box of the page (left, bottom, right, top) when text turned by `turns` stands upright."""
    left, bottom, right, top = box
    match turns:
        case 1:
            return bottom, -right, top, -left
        case 2:
            return -right, -top, -left, -bottom
        case 3:
            return -top, left, -bottom, right
        case _:
            return box


def make_lines(pieces: Sequence[Piece]) -> list[Line]:
    """Pieces by their baselines, downwards, each line from left to right (Arabic: from the right)."""
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: (-piece.y, piece.x0)):
        if rows and rows[-1][0].y - piece.y <= _tolerance(rows[-1][0], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    left = min((piece.x0 for piece in pieces), default=0.0)
    right = max((piece.x1 for piece in pieces), default=0.0)
    lines = [Line(sorted(row, key=lambda piece: piece.x0), left, right) for row in rows]
    leading = _leading(lines)
    for line in lines:
        line.leading = leading
    return lines


def _leading(lines: Sequence[Line]) -> float:
    """The distance of lines that a sentence runs over, in the middle."""
    gaps = [
        above.y - line.y
        for above, line in pairwise(lines)
        if line.text[:1].islower() and above.x1 > above.right - 0.2 * (above.right - above.left)
    ]
    return median(gaps) if len(gaps) > _MIN_GAPS else 0.0


def _upright(word: Word, turns: int) -> Piece:
    x0, _, x1, _ = turned((word.left, word.bottom, word.right, word.top), turns)
    x, y = word.origin
    baseline = (y, -x, -y, x)[turns]
    font = word.font
    return Piece(word.text, x0, x1, baseline, font.size, font.bold, font.mono, len(word.text))


def _extend(piece: Piece, word: Piece, walls: Walls) -> bool:
    """Put a word at the end of a piece if it follows there."""
    size = max(piece.size, word.size)
    gap = word.x0 - piece.x1
    apart = abs(word.y - piece.y)
    near = apart <= size * (
        _RAISED if word.size < piece.size * 0.9 or piece.size < word.size * 0.9 else 0.2
    )
    if not near or not -size * _BACK <= gap <= size * _WIDE_GAP:
        return False
    if gap > _MIN_WALL_GAP and walls.between(piece.x1, word.x0, word.y + 0.3 * size):
        return False
    _count(piece, word)
    if piece.bold and not word.bold:
        piece.lead = len(piece.text)
    piece.text = f"{piece.text} {word.text}"
    piece.x1 = max(piece.x1, word.x1)
    piece.bold, piece.mono = piece.bold and word.bold, piece.mono and word.mono
    return True


def _count(piece: Piece, word: Piece) -> None:
    """A piece has the size, and stands on the baseline, of most of its letters."""
    if abs(word.size - piece.size) < 0.05 * piece.size:
        piece.letters += word.letters
        return
    piece.others += word.letters
    if piece.others > piece.letters:
        piece.y, piece.size = word.y, word.size
        piece.letters, piece.others = piece.others, piece.letters


def _merge(pieces: Sequence[Piece], walls: Walls) -> list[Piece]:
    """Pieces that follow each other on a line although they were drawn out of order."""
    whole: list[Piece] = []
    for line in make_lines(pieces):
        start = len(whole)
        for piece in line.pieces:
            if not (len(whole) > start and _extend(whole[-1], piece, walls)):
                whole.append(piece)
    return whole


def _tolerance(first: Piece, piece: Piece) -> float:
    small, large = sorted((first.size, piece.size))
    return large * (_SAME_LINE if small > large * 0.85 else _RAISED * 0.8)
