"""Which lines are headings: those that the outline names, and those whose font says so."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from data_prep.documents.formats.pdf.flow import ITEM, Placed
from data_prep.documents.formats.pdf.page.shapes import Line, OutlineEntry

_LETTERS = re.compile(r"[\W_]+")
_NUMBERING = re.compile(
    r"(?:chapter|appendix|part|section|kapitel|anhang|teil|chapitre)?[\divxlcdma-h]{0,8}"
)
_CAPTION = re.compile(
    r"(figure|fig\.|table|listing|example|abbildung|abb\.|tabelle|tab\.|tableau)\s*[\dA-Z]+[.\d-]*[:. ]",
    re.I,
)
_NUMBER = re.compile(
    r"(chapter|part|appendix|section)?\s*[\dA-Z]{1,3}([.-]\d+)*[.:]?", re.IGNORECASE
)
_MAX_LINES = 4
_MIN_FOUND = 8
_MAX_CHARS = 160
_MAX_ENTRIES = 300  # of the outline for one page
_MAX_LEVEL = 6
_LARGER = 1.12
_MAX_SHARE = 0.15  # of a document's letters in one style: more is no style of headings

Style = tuple[float, bool]


def body_size(lines: Iterable[Line]) -> float:
    """The size in which most letters are set; the larger of two that share them, beside an index."""
    letters: Counter[float] = Counter()
    for line in lines:
        for piece in line.pieces:
            letters[piece.style[0]] += len(piece.text)
    most = max(letters.values(), default=0)
    return max((size for size, count in letters.items() if count > most * 0.6), default=10.0)


class Headings:
    """Finds the headings of a document; `outline` are its bookmarks."""

    def __init__(self, lines: Sequence[Line], outline: Sequence[OutlineEntry]) -> None:
        self._body = body_size(lines)
        self._entries: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for title, level, page in outline:
            if len(self._entries[page]) < _MAX_ENTRIES and (key := _key(title)):
                self._entries[page].append((key, min(level, _MAX_LEVEL)))
        self._levels = _levels(lines, self._body)
        self._found: dict[Style, Counter[int]] = defaultdict(Counter)
        self._deepest = 0
        self._count = 0  # of headings that the outline names and that were found

    def mark_outline(self, placed: list[Placed]) -> None:
        """Give the lines of a page that the outline names their levels; a heading at the beginning
        of a line becomes a line."""
        wanted = list(self._entries.get(placed[0].page, ())) if placed else []
        keys = [_key(item.line.text) for item in placed]
        for title, level in wanted:
            start, end = _find(title, keys, placed)
            if not end and (at := _find_run_in(title, placed)) is not None:
                _cut(placed, keys, at)
                start, end = at, at + 1
            self._count += end > start
            for at in range(start, end):
                placed[at].level, placed[at].joins = level, at > start
                self._found[placed[at].line.style][level] += 1
                self._deepest = max(self._deepest, level)

    def mark_fonts(self, placed: Sequence[Placed]) -> None:
        """Give levels to lines of a page that are set as headings are."""
        at = 0
        while at < len(placed):
            end = self._same_style(placed, at)
            if not (placed[at].level or placed[at].contents) and (
                level := self._level(placed, at, end)
            ):
                for index in range(at, end):
                    placed[index].level, placed[index].joins = level, index > at
            at = end

    def _same_style(self, placed: Sequence[Placed], start: int) -> int:
        first = placed[start]
        end = start + 1
        while end < len(placed):
            above, below = placed[end - 1].line, placed[end].line
            near = 0 < above.y - below.y < 1.7 * above.size
            numbered = re.match(r"[\dA-Z]{1,3}(\.\d+)*\.?\s", below.text)
            if below.style != first.line.style or not near or placed[end].level or numbered:
                break
            if bool(first.level) != bool(placed[end].level) or not _may_go_on(above):
                break
            end += 1
        return end

    def _level(self, placed: Sequence[Placed], start: int, end: int) -> int:
        lines = [item.line for item in placed[start:end]]
        text = " ".join(line.text for line in lines)
        style = lines[0].style
        if (
            len(lines) > _MAX_LINES
            or _is_table_head(placed, start)
            or not _looks_like_one(text)
            or lines[0].mono
            or _CAPTION.match(text)
        ):
            return 0
        larger = style[0] > self._body * _LARGER
        if style in self._found and larger:
            return self._found[style].most_common(1)[0][0]
        if self._is_complete():
            return 0
        rank = self._levels.get(style, 0)
        if not rank or not (larger or _stands_alone(placed, start, end)):
            return 0
        return min(max(rank, self._deepest + 1) if self._deepest else rank, _MAX_LEVEL)

    def _is_complete(self) -> bool:
        """Whether the outline names enough headings to be believed about all others."""
        return self._count >= max(_MIN_FOUND, 0.8 * sum(map(len, self._entries.values())))


def _levels(lines: Sequence[Line], body: float) -> Mapping[Style, int]:
    """The styles that headings may have, the largest first."""
    letters: Counter[Style] = Counter()
    for line in lines:
        if not line.mono:
            letters[line.style] += len(line.text)
    total = sum(letters.values())
    styles = [
        (size, bold) for (size, bold), count in letters.items()
        if count <= max(total * _MAX_SHARE, 200)
        and (size >= body * _LARGER or (bold and size >= body * 0.95))
    ]  # fmt: skip
    return {style: min(at, _MAX_LEVEL) for at, style in enumerate(sorted(styles, reverse=True), 1)}


def _key(title: str) -> str:
    return _LETTERS.sub("", title).casefold()


def _find(title: str, keys: Sequence[str], placed: Sequence[Placed]) -> tuple[int, int]:
    """The lines (start, end) that are a title, with or without its number; (0, 0) for none."""
    loose = (0, 0)
    for start in range(len(keys)):
        text = ""
        for end in range(start, min(start + _MAX_LINES, len(keys))):
            if placed[end].level or placed[end].contents:
                break
            text += keys[end]
            if text == title:
                return start, end + 1
            if not loose[1] and _differ_in_number(text, title):
                loose = start, end + 1
            if len(text) > len(title) + 16:
                break
    return loose


def _find_run_in(title: str, placed: Sequence[Placed]) -> int | None:
    """The line that begins with a title in bold type."""
    for at, item in enumerate(placed):
        first = item.line.pieces[0]
        head = first.text[: first.lead or len(first.text)]
        bold = first.lead or (first.bold and len(item.line.pieces) > 1)
        if bold and not item.level and _key(head) == title:
            return at
    return None


def _cut(placed: list[Placed], keys: list[str], at: int) -> None:
    """Make two lines of one: its bold beginning and the rest."""
    item, line = placed[at], placed[at].line
    first = line.pieces[0]
    cut = first.lead or len(first.text)
    x = first.x0 + (first.x1 - first.x0) * cut / len(first.text)
    rest = replace(first, text=first.text[cut:].strip(), x0=x, lead=0)
    head = replace(first, text=first.text[:cut], x1=x, bold=True, lead=0)
    others = [rest, *line.pieces[1:]] if rest.text else line.pieces[1:]
    placed[at : at + 1] = [
        replace(item, line=replace(line, pieces=[head])),
        Placed(replace(line, pieces=others), item.page),
    ]
    keys[at : at + 1] = [_key(head.text), _key(placed[at + 1].line.text)]


def _differ_in_number(text: str, title: str) -> bool:
    short, long = sorted((text, title), key=len)
    return (
        len(short) > 2 and long.endswith(short) and bool(_NUMBERING.fullmatch(long[: -len(short)]))
    )


def _looks_like_one(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    return (
        len(text) <= _MAX_CHARS and letters >= 2 and letters * 2 >= len(text.replace(" ", ""))
        and text[-1] not in ".,;:" and not (ITEM.match(text) and not text[0].isalnum())
    )  # fmt: skip


def _is_table_head(placed: Sequence[Placed], start: int) -> bool:
    """Whether a line is cells, or stands over cells and not at the left."""
    line = placed[start].line
    if len(line.pieces) > 2 or (
        len(line.pieces) == 2 and not _NUMBER.fullmatch(line.pieces[0].text)
    ):
        return True
    below = placed[start + 1].line if start + 1 < len(placed) else None
    inside = line.x0 > line.left + 0.25 * (line.right - line.left)
    return below is not None and inside and len(below.pieces) > 1


def _may_go_on(line: Line) -> bool:
    """Whether a heading that fills its line may have another one."""
    return line.x1 > line.left + 0.5 * (line.right - line.left)


def _stands_alone(placed: Sequence[Placed], start: int, end: int) -> bool:
    """Bold text of ordinary size: a heading when it is short and stands clear of what is above."""
    line = placed[start].line
    above = placed[start - 1].line if start else None
    clear = above is None or placed[start].breaks or above.y - line.y > 1.35 * line.size
    below = placed[end].line if end < len(placed) else None
    term = below is not None and below.x0 > line.x0 + line.size  # with its explanation set in
    return clear and not term and end - start <= 2 and len(line.text) <= 100
