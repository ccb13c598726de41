"""Tables of PDFs: each row with the names of its columns, over pages too, and prose never a table."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.documents.formats.pdf.document import parse_pdf, write_pages
from data_prep.documents.formats.pdf.page.shapes import Page, Piece
from tests.pdf_pages import Sheet, drawn_pdf

PROSE = "The auditors found nothing to complain of in the year, and the board thanked them for it."


def text_of(*sheets: Sheet) -> str:
    return parse_pdf(drawn_pdf(sheets)).text


def test_rows_carry_their_header() -> None:
    sheet = Sheet().lines(740, [PROSE])
    for at, row in enumerate(["Part Torque Drawing", "Bolt 12 B-7", "Nut 9 N-4", "Pin 3 P-1"]):
        sheet.row(700 - 16 * at, dict(zip((72, 200, 330), row.split(), strict=True)))
    assert "Part: Nut\nTorque: 9\nDrawing: N-4\n\n" in text_of(sheet)


def test_table_over_pages_keeps_its_header_whether_it_repeats_or_not() -> None:
    places = (72, 200, 330)
    for repeats in (False, True):
        sheets = []
        for page in range(3):
            sheet = Sheet()
            rows = [("Part", "Torque", "Drawing")] if repeats or page == 0 else []
            rows += [(f"Bolt {page}{n}", f"{page + n} Nm", f"B-{n}") for n in range(8)]
            for at, row in enumerate(rows):
                sheet.row(740 - 16 * at, dict(zip(places, row, strict=True)))
            sheets.append(sheet)
        text = text_of(*sheets)
        assert text.count("Part: Bolt ") == 24
        assert "Part: Bolt 27\nTorque: 9 Nm\nDrawing: B-7" in text
        assert "Part: Part" not in text


def test_financial_statement_keeps_years_with_numbers() -> None:
    sheet = Sheet().text(330, 720, "Year ended December 31,", font="F2")
    sheet.row(704, {340: "2023", 420: "2022", 500: "2021"}, font="F2")
    rows = [
        ("Net revenues", "$ 1,204", "$ 1,101", "$ 998"),
        ("Cost of revenues", "(804)", "(760)", "(701)"),
        ("Gross profit", "400", "341", "297"),
        ("Operating expenses:", "", "", ""),
        ("Research and development", "120", "-", "98"),
        ("Total operating expenses", "120", "110", "98"),
    ]
    for at, (label, *values) in enumerate(rows):
        cells = {
            72: label,
            **{x: value for x, value in zip((340, 420, 500), values, strict=True) if value},
        }
        sheet.row(684 - 16 * at, cells)
    text = text_of(sheet)
    assert "Cost of revenues\n" in text
    row = next(part for part in text.split("\n\n") if part.startswith("Cost of revenues"))
    assert "2023: (804)" in row
    assert "2022: (760)" in row
    assert "2021: (701)" in row


def test_cells_of_two_lines_are_one_row() -> None:
    sheet = Sheet()
    sheet.row(700, {72: "Code", 160: "Meaning", 380: "Remedy"}, font="F2")
    y = 680
    for n in range(5):
        sheet.row(y, {72: f"E-{n}", 160: "the float is stuck and the", 380: "clean the float"})
        sheet.row(y - 12, {160: "pump runs dry"})
        y -= 32
    text = text_of(sheet)
    assert (
        "Code: E-3\nMeaning: the float is stuck and the pump runs dry\nRemedy: clean the float"
        in text
    )


def test_list_with_signs_is_no_table() -> None:
    sheet = Sheet()
    for at, line in enumerate(
        ["Close the valve.", "Open the cock.", "Wait for the bell.", "Start."]
    ):
        sheet.row(700 - 16 * at, {72: f"{at + 1}.", 110: line})
    assert text_of(sheet).startswith("1. Close the valve.\n\n2. Open the cock.")


def test_spaced_prose_is_no_table() -> None:
    sheet = Sheet()
    words = (PROSE + " ").split() * 5
    for at in range(6):
        x = 72.0
        for word in words[at * 9 : at * 9 + 9]:
            sheet.text(x, 700 - 14 * at, word)
            x += len(word) * 6 + 7 + (at * 7 + len(word) * 5) % 9
    text = text_of(sheet)
    assert " ".join(words[:54]) == " ".join(text.split())
    assert text.count("\n\n") == 0


def test_cells_of_a_drawn_grid_are_one_row_however_many_lines_they_have() -> None:
    sheet, y = Sheet(), 700.0
    rows = [(["Code"], ["Meaning"], ["Remedy"])]
    rows += [
        ([f"E-{n}", "(pump)"], ["The float is stuck", "and the pump", "Runs dry"], ["Clean it"])
        for n in range(4)
    ]
    for row in rows:
        height = 14 * max(map(len, row)) + 6
        for x, cell in zip((72, 180, 330), row, strict=True):
            sheet.frame(x, y - height, 150 if x > 72 else 108, height)
            sheet.lines(y - 13, cell, x=x + 4)
        y -= height
    expected = (
        "Code: E-2 (pump)\nMeaning: The float is stuck and the pump Runs dry\nRemedy: Clean it"
    )
    assert expected in text_of(sheet)


def grid(
    sheet: Sheet, y: float, rows: Sequence[tuple[list[str], ...]], closed: bool = True
) -> float:
    """Rows of cells of several lines, framed by rules; without the lowest rule where not closed."""
    for row in rows:
        height = 14 * max(map(len, row)) + 6
        last = row is rows[-1] and not closed
        for x, cell in zip((72, 222, 372), row, strict=True):
            if last:
                sheet.content.append(f"{x} {y} m {x + 150} {y} l S {x} {y} m {x} {y - height} l S")
            else:
                sheet.frame(x, y - height, 150, height)
            sheet.lines(y - 13, cell, x=x + 4)
        y -= height
    return y


HEAD = (["Code"], ["Meaning"], ["Remedy"])


def test_cells_that_stand_close_together_are_parted_by_the_rule_between_them() -> None:
    sheet = Sheet()
    rows = [HEAD, *[([f"E-{n}"], ["The float of the pump sti"], ["Clean it"]) for n in range(3)]]
    grid(sheet, 700, rows)
    sheet.text(346, 700 - 33, "ck", 11)
    assert "Meaning: The float of the pump sti" in text_of(sheet)
    assert "Remedy: Clean it" in text_of(sheet)


def test_parted_words_in_cells_are_joined() -> None:
    sheet = Sheet()
    rows = [HEAD, *[([f"E-{n}"], ["Needs main-", "tenance of it"], ["Call"]) for n in range(3)]]
    grid(sheet, 700, rows)
    assert "Code: E-1\nMeaning: Needs maintenance of it\nRemedy: Call" in text_of(sheet)


def test_row_that_the_end_of_a_page_cuts_is_one_row() -> None:
    first, second = Sheet(), Sheet()
    first.lines(740, [PROSE])
    body = [([f"E-{n}"], ["The float is stuck."], ["Clean it."]) for n in range(4)]
    cut = (["E-9"], ["The pump runs without"], ["Call the"])
    grid(first, 700, [HEAD, *body, cut], closed=False)
    end = grid(second, 740, [HEAD, ([""], ["any water."], ["plumber."]), *body])
    second.lines(end - 40, [PROSE])
    text = text_of(first, second)
    assert "Code: E-9\nMeaning: The pump runs without any water.\nRemedy: Call the plumber." in text
    assert text.count("Code: E-") == 9
    assert "Code: Code" not in text


def test_cell_over_several_rows_is_said_in_each_of_them() -> None:
    sheet = Sheet()
    grid(sheet, 700, [HEAD])
    for n in range(4):
        y = 680 - 20 * (n + 1)
        sheet.frame(222, y, 150, 20).frame(372, y, 150, 20)
        sheet.row(y + 6, {226: f"Fault {n}", 376: f"Turn {n}"})
    sheet.frame(72, 600, 150, 80).text(76, 666, "Pump")
    text = text_of(sheet)
    assert all(f"Code: Pump\nMeaning: Fault {n}\nRemedy: Turn {n}" in text for n in range(4))


PLACES = st.floats(-900, 1500, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(PLACES, PLACES, st.sampled_from(["a", "12", "-", "Pump it", "$"])), max_size=30
    ),
    st.lists(st.tuples(PLACES, PLACES, PLACES, PLACES), max_size=12),
)
def test_text_and_rules_at_any_places_are_read(
    texts: list[tuple[float, float, str]], rules: list[tuple[float, float, float, float]]
) -> None:
    sheet = Sheet().lines(700, [PROSE])
    for x, y, text in texts:
        sheet.text(round(x), round(y / 12) * 12, text)
    for x0, y0, x1, y1 in rules:
        sheet.content.append(f"{x0:.0f} {y0:.0f} m {x1:.0f} {y0:.0f} l {x1:.0f} {y1:.0f} l S")
    assert "auditors" in text_of(sheet)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            PLACES, st.floats(-50, 400), st.integers(0, 60), st.sampled_from([0.1, 9.0, 30.0])
        ),
        max_size=40,
    ),
    st.lists(
        st.tuples(PLACES, PLACES, st.floats(0, 600), st.sampled_from([0.0, 1.0, 90.0])), max_size=15
    ),
)
def test_pieces_of_any_width_and_size_make_a_text(
    places: list[tuple[float, float, int, float]], boxes: list[tuple[float, float, float, float]]
) -> None:
    pieces = [
        Piece(f"Cell {at}", x, x + width, 12.0 * y, size)
        for at, (x, width, y, size) in enumerate(places)
    ]
    rules = [(x, y, x + wide, y + high) for x, y, wide, high in boxes]
    text, offsets, _ = write_pages([Page(1, 800, 0, pieces, rules)], [])
    assert all(text.split().count(str(at)) == 1 for at in range(len(places)))
    assert all(0 <= start <= len(text) for _, start in offsets)
