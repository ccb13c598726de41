"""Words of a page with their places and fonts, by few calls of pdfium each.

pdfium tells blanks between words from their gaps, also where a font has no glyph for a blank. Of each
word only the first and the last character are asked for their places: two thirds of the calls.
"""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import atan2, hypot, pi
from typing import Any

from data_prep.documents.formats.pdf.page.letters import readable

_RUN = re.compile(r"[^\s\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")
_HYPHENS = str.maketrans({"\x02": "-", "\ufffe": "-"})
_MONO = re.compile(
    r"mono|courier|consol|typewriter|(?:^|[+])[a-z0-9]{2,4}tt[0-9]*(?:$|-)|menlo|fixed|sourcecode|inconsolata|LMTT",
    re.I,
)
_BOLD = re.compile(
    r"bold|black|heavy|semibold|demi|cmbx|cmssbx|-Bd|\bBd\b|SFBX|-Medi\b|\.B$|-B$", re.I
)
_FIXED_PITCH, _FORCE_BOLD, _BOLD_WEIGHT = 1, 1 << 18, 600
_RIGHT_ANGLE = pi / 2
_BLANK = 0.14  # of the font's size: a gap inside of a word that is none


@dataclass(slots=True)
class Font:
    """A font as it is set: `turns` are quarters that the text is turned to the left, -1 for others."""

    size: float
    bold: bool
    mono: bool
    turns: int


@dataclass(slots=True)
class Word:
    """A word with the place of its characters, in the page's own coordinates."""

    text: str
    left: float
    bottom: float
    right: float
    top: float
    origin: tuple[float, float]  # on the baseline, where it begins
    font: Font


class WordReader:
    """Reads the words of pages; fonts are asked for once a page."""

    def __init__(self) -> None:
        import pypdfium2.raw as raw

        self._raw = raw
        self._faces: dict[int, tuple[bool, bool]] = {}  # of one page: addresses are used again

    def words(self, page: Any) -> tuple[list[Word], int, int]:
        """The words of a loaded page in the order they are drawn, and how many letters they should
        have had and how many of these cannot be read."""
        text_page = self._raw.FPDFText_LoadPage(page)
        if not text_page:
            return [], 0, 0
        self._faces.clear()
        try:
            return self._words(text_page)
        finally:
            self._raw.FPDFText_ClosePage(text_page)

    def _words(self, text_page: Any) -> tuple[list[Word], int, int]:
        words: list[Word] = []
        letters = bad = 0
        places = _Places(self._raw, text_page)
        fonts: dict[int, Font] = {}
        for start, text in _runs(self._raw, text_page):
            good = readable(text)
            letters += len(text)
            bad += len(text) - len(good)
            if len(good) * 2 <= len(text) or not good:
                continue
            address = places.object(start)
            if address not in fonts:
                fonts[address] = self._font(text_page, start)
            words.extend(places.split(start, len(text), good, fonts[address]))
        return words, letters, bad

    def _font(self, text_page: Any, index: int) -> Font:
        raw = self._raw
        matrix = raw.FS_MATRIX()
        raw.FPDFText_GetMatrix(text_page, index, ctypes.byref(matrix))
        angle = atan2(matrix.b, matrix.a) / _RIGHT_ANGLE
        turns = round(angle) % 4 if abs(angle - round(angle)) < 0.06 else -1
        size = raw.FPDFText_GetFontSize(text_page, index) * hypot(matrix.c, matrix.d)
        shown = raw.FPDFText_GetTextObject(text_page, index)
        bold, mono = self._face(shown) if shown else (False, False)
        return Font(max(size, 0.1), bold, mono, turns)

    def _face(self, shown: Any) -> tuple[bool, bool]:
        """Whether a text object's font is bold, and whether its letters are equally wide."""
        raw = self._raw
        font = raw.FPDFTextObj_GetFont(shown)
        address = ctypes.addressof(font.contents) if font else 0
        if address not in self._faces and font:
            name = ctypes.create_string_buffer(256)
            raw.FPDFFont_GetBaseFontName(font, name, 256)
            called = name.value.decode("utf-8", "replace")
            flags, weight = raw.FPDFFont_GetFlags(font), raw.FPDFFont_GetWeight(font)
            heavy = flags & _FORCE_BOLD or weight >= _BOLD_WEIGHT or _BOLD.search(called)
            mono = (flags > 0 and flags & _FIXED_PITCH) or _MONO.search(called)
            self._faces[address] = bool(heavy), bool(mono)
        return self._faces.get(address, (False, False))


class _Places:
    """Where characters of a text page stand; one buffer for all of them."""

    def __init__(self, raw: Any, text_page: Any) -> None:
        self._raw, self._page = raw, text_page
        self._box, self._x, self._y = raw.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
        self._box_at, self._x_at = ctypes.byref(self._box), ctypes.byref(self._x)
        self._y_at = ctypes.byref(self._y)

    def object(self, index: int) -> int:
        """The address of the text object that draws a character; 0 for one that pdfium made up."""
        shown = self._raw.FPDFText_GetTextObject(self._page, index)
        return ctypes.addressof(shown.contents) if shown else 0

    def split(self, start: int, count: int, text: str, font: Font) -> Iterator[Word]:
        """The word from `start`; two words where one line ends inside of it."""
        first = self._box_of(start)
        last = first if count == 1 else self._box_of(start + count - 1)
        straight = abs(last[3] - first[3]) < font.size and first[0] - font.size < last[0]
        if count > 1 and font.turns == 0 and len(text) == count:
            one = straight and self.object(start) == self.object(start + count - 1)
            cut = count if one else self._turn(start, count, first[3], font.size)
            if 0 < cut < count:
                yield from self.split(start, cut, text[:cut], font)
                yield from self.split(start + cut, count - cut, text[cut:], font)
                return
        yield Word(
            text, min(first[0], last[0]), min(first[1], last[1]), max(first[2], last[2]),
            max(first[3], last[3]), self._origin(start), font,
        )  # fmt: skip

    def _turn(self, start: int, count: int, top: float, size: float) -> int:
        """How many characters stand on the first one's line, each right behind the one before."""
        left, right = -1e9, 1e9
        for at in range(count):
            box = self._box_of(start + at)
            if abs(box[3] - top) >= size or box[0] < left - size or box[0] - right > size * _BLANK:
                return at
            left, right = box[0], box[2]
        return count

    def _box_of(self, index: int) -> tuple[float, float, float, float]:
        box = self._box
        if not self._raw.FPDFText_GetLooseCharBox(self._page, index, self._box_at):
            return 0.0, 0.0, 0.0, 0.0
        return box.left, box.bottom, box.right, box.top

    def _origin(self, index: int) -> tuple[float, float]:
        self._raw.FPDFText_GetCharOrigin(self._page, index, self._x_at, self._y_at)
        return self._x.value, self._y.value


def _runs(raw: Any, text_page: Any) -> Iterator[tuple[int, str]]:
    """(index of the first character, characters) between blanks and line ends."""
    text = _characters(raw, text_page)
    for run in _RUN.finditer(text):
        yield run.start(), run[0].translate(_HYPHENS)


def _characters(raw: Any, text_page: Any) -> str:
    """A page's text with one character for each that pdfium counts."""
    count = max(raw.FPDFText_CountChars(text_page), 0)
    buffer = ctypes.create_string_buffer(2 * count + 2)
    units = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort))
    written = raw.FPDFText_GetText(text_page, 0, count, units)
    text = buffer.raw[: max(2 * written - 2, 0)].decode("utf-16-le", "replace")
    if len(text) == count:
        return text
    get = raw.FPDFText_GetUnicode  # pairs of surrogates, or characters without a code
    return "".join(_character(get(text_page, index)) for index in range(count))


def _character(code: int) -> str:
    return chr(code) if 0 < code < 0xD800 or 0xE000 <= code < 0x110000 else "\ufffd"
