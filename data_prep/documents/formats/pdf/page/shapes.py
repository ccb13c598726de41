"""What is on a page: words, the pieces of lines that they make, and the lines.

Lengths are points of a page that stands upright: x grows to the right and y upwards, `y` of text is its
baseline, `size` the font's size as it is seen.
"""

from dataclasses import dataclass, field

Rule = tuple[float, float, float, float]
"""A straight line, or the edge of a box: x0, y0, x1, y1 with x0 <= x1 and y0 <= y1."""


OutlineEntry = tuple[str, int, int]
"""(title, level from 1, page)."""


@dataclass(slots=True)
class Piece:
    """Words that follow each other with ordinary gaps: a line, or a cell of one."""

    text: str
    x0: float
    x1: float
    y: float
    size: float
    bold: bool = False
    mono: bool = False
    letters: int = 0  # how many are set in `size`
    others: int = 0  # and how many in another one
    lead: int = 0  # characters of a bold beginning that is followed by other text

    @property
    def style(self) -> tuple[float, bool]:
        """What tells headings of one level from others: size to half a point, and weight."""
        return round(self.size * 2) / 2, self.bold


@dataclass(slots=True)
class Line:
    """Pieces on one baseline, from left to right; `left` and `right` bound the column it stands in."""

    pieces: list[Piece]
    left: float = 0.0
    right: float = 0.0
    leading: float = 0.0  # from line to line of a paragraph there; 0 where that cannot be told

    @property
    def text(self) -> str:
        return " ".join(piece.text for piece in self.pieces)

    @property
    def x0(self) -> float:
        return self.pieces[0].x0

    @property
    def x1(self) -> float:
        return self.pieces[-1].x1

    @property
    def y(self) -> float:
        return self.pieces[0].y

    @property
    def size(self) -> float:
        return max(self.pieces, key=lambda piece: len(piece.text)).size

    @property
    def bold(self) -> bool:
        return all(piece.bold for piece in self.pieces)

    @property
    def mono(self) -> bool:
        return all(piece.mono for piece in self.pieces)

    @property
    def style(self) -> tuple[float, bool]:
        return round(self.size * 2) / 2, self.bold


@dataclass(slots=True)
class Page:
    """A page as it was read: its pieces in the order they are drawn, and its straight rules."""

    number: int
    top: float
    bottom: float
    pieces: list[Piece]
    rules: list[Rule] = field(default_factory=list)
    asides: list[str] = field(default_factory=list)  # turned text, and comments
    pictures: bool = False  # something that is no text is drawn
    garbage: bool = False  # what is drawn as text cannot be read
