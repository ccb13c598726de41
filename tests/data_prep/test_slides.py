"""Slides arrive with their tables, charts and notes, and what is left out is told."""

import io
from collections.abc import Callable
from typing import Any

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from data_prep.documents.formats.office.slides import parse_pptx
from data_prep.documents.formats.parsed import Parsed
from tests.documents import png

PLACE = (Inches(1), Inches(3), Inches(5), Inches(2))


def slides(*changes: Callable[[Any], object], titles: tuple[str, ...] = ("Lamps",)) -> Parsed:
    """A deck with a slide for each title; the changes are made to the slides in order."""
    deck = pptx.Presentation()
    for title in titles:
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = title
    for slide, change in zip(deck.slides, changes, strict=False):
        change(slide)
    out = io.BytesIO()
    deck.save(out)
    return parse_pptx(out.getvalue())


def add_table(slide: Any, rows: list[list[str]]) -> Any:
    table = slide.shapes.add_table(len(rows), len(rows[0]), *PLACE).table
    for at, row in enumerate(rows):
        for place, text in enumerate(row):
            table.cell(at, place).text = text
    return table


def told(parsed: Parsed) -> list[tuple[str, str]]:
    return [(notice.kind, notice.text) for notice in parsed.notices]


def test_table_of_a_slide_names_its_columns() -> None:
    found = slides(lambda slide: add_table(slide, [["Part", "2024"], ["bolt", "3"], ["nut", "4"]]))
    assert found.text == "# Lamps\nPart: bolt\n2024: 3\n\nPart: nut\n2024: 4"


def test_merged_cells_of_a_table_count_for_each_row_and_column() -> None:
    rows = [
        ["Region", "2024", ""],
        ["", "Revenue", "Costs"],
        ["North", "5", "4"],
        ["South", "6", "3"],
    ]

    def add(slide: Any) -> None:
        table = add_table(slide, rows)
        table.cell(0, 0).merge(table.cell(1, 0))
        table.cell(0, 1).merge(table.cell(0, 2))

    assert "Region: North\n2024 Revenue: 5\n2024 Costs: 4" in slides(add).text


def test_chart_gives_its_values_by_name() -> None:
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("Revenue", (1.5, 2))
    data.add_series("Costs", (1, None))
    found = slides(lambda at: at.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *PLACE, data))
    assert found.text.endswith("Q1\nRevenue: 1.5\nCosts: 1\n\nQ2\nRevenue: 2")


def test_notes_follow_their_slide() -> None:
    def note(slide: Any) -> None:
        slide.notes_slide.notes_text_frame.text = "Say it twice."

    assert slides(note).text == "# Lamps\n\n### Notes\nSay it twice."


def test_slides_of_pictures_only_are_told() -> None:
    def picture(slide: Any) -> None:
        slide.shapes.add_picture(io.BytesIO(png()), *PLACE)

    found = slides(picture, picture, titles=("", "Lamps", "Care"))
    assert [number for number, _ in found.pages] == [2, 3]
    assert told(found) == [("slides without text", "1 of 3 slides hold no text")]


def test_description_of_a_picture_is_text_and_its_file_name_is_not() -> None:
    def picture(slide: Any) -> None:
        shape = slide.shapes.add_picture(io.BytesIO(png()), *PLACE)
        shape._element._nvXxPr.cNvPr.set("descr", "A lamp with seven bolts")

    assert slides(picture).text == "# Lamps\nA lamp with seven bolts"


def test_hidden_slide_is_left_out_and_told() -> None:
    found = slides(lambda slide: slide.element.set("show", "0"), titles=("Draft", "Care"))
    assert (found.title, found.text) == ("Care", "# Care")
    assert told(found) == [("hidden slides", "1 of 2 slides hidden, left out")]


@pytest.mark.parametrize("nothing", ["Slide 1", "Folie 3", "PowerPoint Presentation", ""])
def test_title_that_says_nothing_is_no_title(nothing: str) -> None:
    assert slides(titles=(nothing, "Care")).title == "Care"


def test_texts_stand_from_top_to_bottom_below_the_title() -> None:
    def boxes(slide: Any) -> None:
        for top, text in ((5, "second"), (4, "first\vline")):
            slide.shapes.add_textbox(0, Inches(top), 1, 1).text_frame.text = text
        group = slide.shapes.add_group_shape()
        group.shapes.add_textbox(0, Inches(6), 1, 1).text_frame.text = "in a group"

    assert slides(boxes).text == "# Lamps\nfirst\nline\n\nsecond\n\nin a group"
