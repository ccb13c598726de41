"""PowerPoint files: slides with their tables, charts, pictures' descriptions and notes, as Markdown."""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from data_prep.documents.formats.archive import check_archive
from data_prep.documents.formats.notices import Notice, counted
from data_prep.documents.formats.office.package import parse_xml
from data_prep.documents.formats.parsed import (
    FAULTS,
    Parsed,
    clean,
    join_pages,
    reading,
)
from data_prep.documents.formats.tables.header import Covered
from data_prep.documents.formats.tables.number_formats import GENERAL, shown
from data_prep.documents.formats.tables.rows import paragraphs
from data_prep.documents.formats.titles import is_placeholder

# what programs call a slide that nobody named
_NAMELESS = re.compile(
    r"(?:slide|folie|diapositi\w+|dia|slajd|スライド|幻灯片)\s*\d*|untitled|title", re.IGNORECASE
)
_FILE_NAME = re.compile(r"\S+\.(?:png|jpe?g|gif|bmp|svg|tiff?|webp|emf|wmf)", re.IGNORECASE)
_FURNITURE = frozenset(("SLIDE_NUMBER", "DATE", "FOOTER", "HEADER"))
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_DATA = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm"


@dataclass(slots=True)
class _Counts:
    """Slides of a deck that are not searched, by number."""

    hidden: list[int] = field(default_factory=list)
    silent: list[int] = field(default_factory=list)
    charts: int = 0


def parse_pptx(data: bytes) -> Parsed:
    """Slides with their notes as Markdown; a slide's number is its page.

    Hidden slides, slides without text and charts that cannot be read are left out, with a notice.
    """
    import pptx

    check_archive(data)
    counts = _Counts()
    with reading("PowerPoint file"):
        deck = pptx.Presentation(io.BytesIO(data))
        slides = [_slide(number, slide, counts) for number, slide in enumerate(deck.slides, 1)]
        title = next((name for slide in deck.slides if (name := _shown_title(slide))), "")
        if not title and not is_placeholder(given := clean(deck.core_properties.title or "")):
            title = given.strip()
    joined = join_pages(title, slides, {"slides": len(slides)})
    notices = tuple(_notices(counts, len(slides)))
    return replace(joined, markdown=True, separate=True, notices=notices)


def _slide(number: int, slide: Any, counts: _Counts) -> str:
    if _is_hidden(slide):
        counts.hidden.append(number)
        return ""
    title = slide.shapes.title
    blocks = [block for shape in _ordered(slide.shapes) for block in _blocks(shape, title, counts)]
    head = _line(title.text_frame.text) if title is not None and title.has_text_frame else ""
    body = "\n\n".join(filter(None, map(str.strip, blocks)))
    text = "\n".join(filter(None, [f"# {head}" if _named(head) else head, body]))
    notes = _notes(slide)
    if notes:
        text = f"{text}\n\n### Notes\n{notes}"
    if not text.strip() and len(slide.shapes):
        counts.silent.append(number)
    return clean(text).strip()


def _shown_title(slide: Any) -> str:
    title = None if _is_hidden(slide) else slide.shapes.title
    words = clean(_line(title.text_frame.text)) if title is not None else ""
    return "" if is_placeholder(words) else words


def _is_hidden(slide: Any) -> bool:
    return slide.element.get("show") in {"0", "false"}


def _named(title: str) -> str:
    """A title that says something, or nothing."""
    return "" if _NAMELESS.fullmatch(title.strip()) else title.strip()


def _ordered(shapes: Iterable[Any]) -> list[Any]:
    """Shapes from top to bottom, those without a place first."""
    return sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0))


def _blocks(shape: Any, title: Any, counts: _Counts) -> Iterator[str]:
    if title is not None and shape.shape_id == title.shape_id:
        return
    if shape.is_placeholder and shape.placeholder_format.type.name in _FURNITURE:
        return
    if getattr(shape, "shapes", None) is not None:
        for inner in _ordered(shape.shapes):
            yield from _blocks(inner, title, counts)
    elif shape.has_text_frame:
        yield _lines(shape.text_frame.text)
    elif getattr(shape, "has_table", False):
        yield _table(shape.table)
    elif getattr(shape, "has_chart", False):
        yield _chart(shape, counts)
    else:
        yield _diagram(shape) or _description(shape)


def _table(table: Any) -> str:
    grid = [[str(_line(cell.text)) for cell in row.cells] for row in table.rows]
    merged = False
    for at, row in enumerate(table.rows):
        for place, cell in enumerate(row.cells):
            if cell.is_merge_origin:
                merged = merged or at == 0
                _spread(grid, at, place, cell)
    known = 1 if table.first_row and not merged else None
    return "\n\n".join(paragraphs(grid, known))


def _spread(grid: list[list[str]], at: int, place: int, cell: Any) -> None:
    text = grid[at][place]
    for row in grid[at : at + cell.span_height]:
        width = min(cell.span_width, len(row) - place)
        row[place : place + width] = [text, *[Covered(text)] * (width - 1)]


def _chart(shape: Any, counts: _Counts) -> str:
    """A chart's title and its values, a category a paragraph."""
    try:
        chart = shape.chart
        named = chart.has_title and chart.chart_title.has_text_frame
        title = chart.chart_title.text_frame.text if named else ""
        categories = [str(category.label) for category in chart.plots[0].categories]
        series = [(_line(each.name or ""), list(each.values)) for each in chart.series]
    except FAULTS:
        counts.charts += 1
        return ""
    length = max((len(values) for _, values in series), default=0)
    categories += [""] * (length - len(categories))
    rows = [
        [category, *(_number(values[at]) if at < len(values) else "" for _, values in series)]
        for at, category in enumerate(categories)
    ]
    header = ["", *(name for name, _ in series)]
    return "\n\n".join(filter(None, [_lines(title), *paragraphs([header, *rows], 1)]))


def _number(value: float | None) -> str:
    return "" if value is None else shown(repr(value), GENERAL)


def _diagram(shape: Any) -> str:
    """The texts of a diagram, whose boxes are in a part of their own."""
    relation = next((each.get(_DATA) for each in shape.element.iter(_DIAGRAM)), None)
    if relation is None:
        return ""
    root = parse_xml(shape.part.related_part(relation).blob)
    points = ("".join(text.text or "" for text in each.iter("{*}t")) for each in root.iter("{*}p"))
    return "\n".join(filter(None, map(_line, points)))


def _description(shape: Any) -> str:
    """The words for people who cannot see a picture, but not the name of its file."""
    found = next(shape.element.iter("{*}cNvPr"), None)
    words = _line(found.get("descr") or "") if found is not None else ""
    return "" if _FILE_NAME.fullmatch(words) else words


def _notes(slide: Any) -> str:
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    return _lines(frame.text).strip() if frame is not None else ""


def _lines(text: str) -> str:
    return text.replace("\v", "\n")


def _line(text: str) -> str:
    return " ".join(text.split())


def _notices(counts: _Counts, slides: int) -> Iterator[Notice]:
    if counts.silent:
        yield Notice(
            "slides without text", f"{len(counts.silent):,} of {slides:,} slides hold no text"
        )
    if counts.hidden:
        yield Notice(
            "hidden slides", f"{len(counts.hidden):,} of {slides:,} slides hidden, left out"
        )
    if counts.charts:
        yield Notice("charts without values", f"{counted(counts.charts, 'chart')} cannot be read")
