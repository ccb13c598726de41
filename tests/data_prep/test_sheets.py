"""Excel sheets are read as a reader sees them, and what is left out is told."""

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.formats.tables.number_formats import shown
from data_prep.documents.formats.tables.sheet import parse_xlsx
from tests.documents import packed, xlsx

CASES = Path(__file__).parents[3] / "shared" / "cases" / "documents"
TABLE = (("Room", "Rent"), ("Hall", 12.5), ("Attic", 40))


def sheet(change: Callable[[Worksheet], object], rows: object = TABLE) -> Parsed:
    """A workbook of one sheet `Rooms` with some rows, after a change to it."""
    book = openpyxl.Workbook()
    book.active.title = "Rooms"
    for row in rows:  # type: ignore[attr-defined]
        book.active.append(list(row))
    change(book.active)
    out = io.BytesIO()
    book.save(out)
    return parse_xlsx(out.getvalue())


def lines(parsed: Parsed) -> list[str]:
    return [text.replace("\n", " | ") for text in parsed.text.split("\n\n")]


def told(parsed: Parsed) -> list[tuple[str, str]]:
    return [(notice.kind, notice.text) for notice in parsed.notices]


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (0.195, "0.0%", "19.5%"),
        (0.5, "0%", "50%"),
        (1234.5, "#,##0.00 €", "1,234.50 €"),
        (1234.5, "#,##0.00\\ [$€-407]", "1,234.50 €"),
        (-1234.5, '"$"#,##0.00;("$"#,##0.00)', "($1,234.50)"),
        (-5, '"$"#,##0', "-$5"),
        (0, '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)', "-"),
        (1234, '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)', "1,234.00"),
        (2500000, '0.0,," M"', "2.5 M"),
        (12, '0" kg"', "12 kg"),
        (12, 'General" kg"', "12 kg"),
        (2.675, "0.00", "2.68"),
        (7, "000", "007"),
        (123456789, "000-00-0000", "123-45-6789"),
        (0.5, "# ?/?", "0.5"),
        (1500, "0.00E+00", "1.50E+03"),
        (0.30000000000000004, "General", "0.3"),
        (2011.0, "General", "2011"),
        (5, ";;;", "5"),
        (5, "[Red]0.0", "5.0"),
        (46082, "dd.mm.yyyy", "2026-03-01"),
        (46082.5, "yyyy-mm-dd h:mm:ss", "2026-03-01 12:00:00"),
        (46082, "yyyy-mm-dd h:mm:ss", "2026-03-01"),
        (46082, "mmm-yy", "Mar 2026"),
        (46082, "mmmm yyyy", "March 2026"),
        (46082, "mm/yyyy", "2026-03"),
        (46082, "[$-407]d. mmmm yyyy", "2026-03-01"),
        (46082, '"Q"0', "Q46082"),
        (0.5, "h:mm AM/PM", "12:00"),
        (0.5, "mm:ss", "12:00:00"),
        (1.5, "[h]:mm", "36:00"),
        (1.5, "[h]:mm:ss", "36:00:00"),
        (1, "yyyy-mm-dd", "1900-01-01"),
        (-3, "yyyy-mm-dd", "-3"),
    ],
)
def test_number_is_shown_by_its_format(value: float, code: str, expected: str) -> None:
    assert shown(repr(value), code) == expected


@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.text('0#?.,%E+-;"\\_*[]$hmsyd@/ €x', max_size=20),
)
def test_any_number_has_a_text_by_any_format(value: float, code: str) -> None:
    assert shown(repr(value), code)


def test_merged_cell_gives_its_text_to_every_row() -> None:
    rows = [("Floor", "Room"), ("First", "Archive"), (None, "Kitchen"), ("Second", "Hall")]
    found = sheet(lambda at: at.merge_cells("A2:A3"), rows)
    assert lines(found)[1:] == [
        "Floor: First | Room: Archive",
        "Floor: First | Room: Kitchen",
        "Floor: Second | Room: Hall",
    ]


def test_merged_headers_are_joined_and_a_merged_title_stands_once() -> None:
    rows = [
        ("Sales of ACME", None, None),
        ("Region", 2024, None),
        (None, "Revenue", "Costs"),
        ("North", 5, 4),
        ("Closed since May", None, None),
    ]

    def merge(at: Worksheet) -> None:
        for area in ("A1:C1", "A2:A3", "B2:C2", "A5:C5"):
            at.merge_cells(area)

    assert lines(sheet(merge, rows)) == [
        "# Rooms",
        "Sales of ACME",
        "Region: North | 2024 Revenue: 5 | 2024 Costs: 4",
        "Closed since May",
    ]


def test_values_are_shown_by_kind() -> None:
    row = (dt.date(2026, 3, 1), dt.datetime(2026, 3, 1, 8, 30), dt.timedelta(hours=30), True, "x")
    found = sheet(lambda at: at.append(row), [("Day", "At", "Took", "Done", "Note")])
    shown_row = "Day: 2026-03-01 | At: 2026-03-01 08:30:00 | Took: 30:00:00 | Done: TRUE | Note: x"
    assert lines(found)[-1] == shown_row


def test_formulas_without_results_are_told_and_their_column_keeps_its_name() -> None:
    rows = [("Room", "Rent", "Year"), ("Hall", 12, "=B2*12"), ("Attic", 9, "=B3*12")]
    found = sheet(lambda at: None, rows)
    assert lines(found)[1:] == ["Room: Hall | Rent: 12", "Room: Attic | Rent: 9", "Year"]
    assert told(found) == [
        (
            "formulas without values",
            "2 formulas of sheet Rooms have no stored result: open and save it in a spreadsheet program",
        )
    ]


def test_formulas_of_libraries_that_store_zero_are_without_result() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    page = book.add_worksheet("Rooms")
    page.write_row(0, 0, ["Room", "Rent", "Year"])
    page.write_row(1, 0, ["Hall", 12])
    page.write_formula(1, 2, "=B2*12")
    page.write_row(2, 0, ["Attic", 9])
    page.write_formula(2, 2, "=B3*12", None, 108)
    book.close()
    found = parse_xlsx(out.getvalue())
    assert lines(found)[1:] == ["Room: Hall | Rent: 12", "Room: Attic | Rent: 9 | Year: 108"]
    assert found.notices[0].text.startswith("1 formula of sheet Rooms has no stored result")


def test_error_values_are_left_out_and_counted() -> None:
    found = sheet(lambda at: at.append(("Loft", "#REF!")))
    assert lines(found)[-1] == "Room: Loft"
    assert told(found) == [("error values", "1 error value of sheet Rooms left out, such as #REF!")]


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_hidden_sheet_is_left_out_and_told(state: str) -> None:
    def hide(at: Worksheet) -> None:
        draft = at.parent.create_sheet("Draft")
        draft.append(("Remark", "do not publish"))
        draft.sheet_state = state

    found = sheet(hide)
    assert "publish" not in found.text
    assert told(found) == [("hidden sheets", "1 hidden sheet left out: Draft")]


def test_hidden_rows_and_columns_are_left_out_and_told() -> None:
    def hide(at: Worksheet) -> None:
        at.row_dimensions[3].hidden = True
        at.column_dimensions["B"].hidden = True

    rows = [("Room", "Secret", "Rent"), ("Hall", "x", 12), ("Attic", "y", 9), ("Loft", "z", 7)]
    found = sheet(hide, rows)
    assert lines(found)[1:] == ["Room: Hall | Rent: 12", "Room: Loft | Rent: 7"]
    text = "hidden in sheet Rooms, left out: 1 row, 1 column"
    assert told(found) == [("hidden cells", text)]


def test_rows_that_a_filter_or_a_folded_group_hides_are_kept() -> None:
    def narrow(at: Worksheet) -> None:
        at.auto_filter.ref = "A1:B3"
        at.auto_filter.add_filter_column(0, ["Hall"])
        at.row_dimensions[3].hidden = True

    assert lines(sheet(narrow))[-1] == "Room: Attic | Rent: 40"

    def fold(at: Worksheet) -> None:
        at.row_dimensions.group(3, 3, hidden=True)

    assert lines(sheet(fold))[-1] == "Room: Attic | Rent: 40"


def test_comments_on_cells_are_told() -> None:
    def comment(at: Worksheet) -> None:
        at["A2"].comment = openpyxl.comments.Comment("check", "Mia")

    assert told(sheet(comment)) == [("cell comments", "1 comment on cells left out")]


def test_sheet_with_charts_only_is_told() -> None:
    found = sheet(lambda at: at.parent.create_chartsheet("Trend"))
    assert told(found) == [("sheets without cells", "only charts or macros, left out: Trend")]


def test_two_tables_of_a_sheet_have_their_own_headers() -> None:
    rows = [*TABLE, (), ("Staff",), ("Name", "Since"), ("Mia", 2019), ("Tom", 2021)]
    assert lines(sheet(lambda at: None, rows))[-3:] == [
        "Staff",
        "Name: Mia | Since: 2019",
        "Name: Tom | Since: 2021",
    ]


def test_far_cell_and_declared_size_cost_nothing() -> None:
    def far(at: Worksheet) -> None:
        at["A1000000"] = "end of list"

    assert lines(sheet(far))[-1] == "end of list"


def test_file_of_a_library_of_odd_habits_is_read() -> None:
    main = 'xmlns="http://purl.oclc.org/ooxml/spreadsheetml/main"'
    relation = "http://purl.oclc.org/ooxml/officeDocument/relationships"
    package = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
    cells = (
        '<row><c t="inlineStr"><is><t>Room</t></is></c><c t="str"><v>Rent</v></c></row>'
        '<row><c t="inlineStr"><is><r><t>Ha</t></r><r><t>ll</t></r></is></c><c><v>12</v></c></row>'
    )
    links = {
        "_rels": ("officeDocument", "/xl/book.xml"),
        "xl/_rels": ("worksheet", "/XL/Sheets/1.xml"),
    }
    parts = {
        f"{folder}/{'book.xml' if folder[0] == 'x' else ''}.rels": f"<Relationships {package}>"
        f'<Relationship Id="a" Type="{relation}/{kind}" Target="{target}"/></Relationships>'
        for folder, (kind, target) in links.items()
    }
    book = f'<x:sheets><x:sheet name="S" r:id="a" xmlns:r="{relation}"/></x:sheets>'
    parts["xl\\book.xml"] = f"<x:workbook xmlns:x{main[5:]}>{book}</x:workbook>"
    size = '<dimension ref="A1:XFD1048576"/>'
    rows = f"<worksheet {main}>{size}<sheetData>{cells}</sheetData></worksheet>"
    data = packed({"[Content_Types].xml": "<Types/>", **parts, "xl/sheets/1.xml": rows})
    assert lines(parse_xlsx(data)) == ["# S", "Room: Hall | Rent: 12"]


def test_binary_workbook_is_refused_with_what_to_do() -> None:
    package = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
    link = '<Relationship Id="a" Type="x/officeDocument" Target="xl/workbook.bin"/>'
    rels = f"<Relationships {package}>{link}</Relationships>"
    with pytest.raises(ParseError, match=r"\.xlsb.*save it as \.xlsx"):
        parse_xlsx(packed({"_rels/.rels": rels, "xl/workbook.bin": b"x"}))


@pytest.mark.parametrize("cut", [b"<sheetData", b"</worksheet>"])
def test_damaged_sheet_gives_its_reason(cut: bytes) -> None:

    with zipfile.ZipFile(io.BytesIO(xlsx({"Rooms": TABLE}))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    parts[name] = parts[name][: parts[name].index(cut)]
    with pytest.raises(ParseError, match="Excel file is damaged"):
        parse_xlsx(packed(parts))


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
def test_reported_sheets_are_read_as_shown() -> None:
    rooms = parse_xlsx((CASES / "xlsx-merged-and-typed-cells/rooms.xlsx").read_bytes())
    assert rooms.text.count("Floor: First") == 3
    assert "Inspected: 2026-03-01\nHumidity: 19.5%" in rooms.text
    assert [notice.kind for notice in rooms.notices] == ["hidden sheets", "formulas without values"]
    prices = parse_xlsx((CASES / "xlsx-title-row/title_row.xlsx").read_bytes()).text
    assert "Article: Lamp\nNet price: 12.5\nDelivery: 3 days" in prices
    assert prices.count("Price list ACME, valid from 2026") == 1
