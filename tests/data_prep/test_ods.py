"""OpenDocument spreadsheets are read as shown, with their merged cells, and what is hidden is told."""

import pytest

from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.parse import parse_bytes
from tests.documents import packed

NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "style")
)
CALC = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
MIME = "application/vnd.oasis.opendocument.spreadsheet"


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def ods(*rows: str, styles: str = "") -> bytes:
    sheet = f'<table:table table:name="Rooms" table:style-name="t">{"".join(rows)}</table:table>'
    body = f"<office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body>"
    styles = f"<office:automatic-styles>{styles}</office:automatic-styles>"
    content = f"<office:document-content {NAMES} {CALC}>{styles}{body}</office:document-content>"
    return packed({"mimetype": MIME, "content.xml": content})


def read(*rows: str) -> tuple[list[str], list[str]]:
    parsed: Parsed = parse_bytes(ods(*rows), "ods")
    lines = [text.replace("\n", " | ") for text in parsed.text.split("\n\n")]
    return lines, [notice.text for notice in parsed.notices]


HEADER = row(cell("Floor"), cell("Room"), cell("Rent"))


def test_rows_name_their_columns_and_merged_cells_count_for_each_row() -> None:
    merged = cell("First", 'table:number-rows-spanned="2"')
    covered = "<table:covered-table-cell/>"
    lines, _ = read(
        HEADER,
        row(merged, cell("Hall"), cell("12.50 €")),
        row(covered, cell("Attic"), cell("9.00 €")),
        row("<table:table-cell/>", attributes='table:number-rows-repeated="1048000"'),
    )
    assert lines == [
        "# Rooms",
        "Floor: First | Room: Hall | Rent: 12.50 €",
        "Floor: First | Room: Attic | Rent: 9.00 €",
    ]


def test_repeated_cells_and_rows_are_written_out_within_bounds() -> None:
    empty = '<table:table-cell table:number-columns-repeated="2"/>'
    many = row(empty, cell("7"), attributes='table:number-rows-repeated="3"')
    lines, _ = read(HEADER, row(cell("1", 'table:number-columns-repeated="3"')), many)
    assert lines[1:4] == ["Floor: 1 | Room: 1 | Rent: 1", "Rent: 7", "Rent: 7"]
    endless = row(cell("1"), cell("2"), attributes='table:number-rows-repeated="1000000000"')
    assert len(read(endless)[0]) < 2000


def test_errors_hidden_rows_and_formulas_without_results_are_told() -> None:
    lines, told = read(
        HEADER,
        row(cell("1"), cell("Hall"), cell("#REF!", 'calcext:value-type="error"')),
        row(cell("1"), cell("Loft"), cell("5"), attributes='table:visibility="collapse"'),
        row(cell("2"), cell("Attic"), '<table:table-cell table:formula="of:=1"/>'),
    )
    assert lines[1:3] == ["Floor: 1 | Room: Hall", "Floor: 2 | Room: Attic"]
    assert [text.partition(" ")[0] for text in told] == ["1", "1", "hidden"]


def test_hidden_sheet_is_left_out() -> None:
    hidden = (
        '<style:style style:name="t" style:family="table">'
        '<style:table-properties table:display="false"/></style:style>'
    )
    with pytest.raises(ParseError, match="no text"):
        parse_bytes(ods(HEADER, styles=hidden), "ods")


def test_damaged_file_gives_its_reason() -> None:
    with pytest.raises(ParseError, match="damaged"):
        parse_bytes(packed({"mimetype": MIME, "content.xml": "<a"}), "ods")
    with pytest.raises(ParseError, match="damaged"):
        parse_bytes(packed({"mimetype": MIME}), "ods")


def test_column_that_is_hidden_is_left_out_and_told() -> None:
    columns = (
        "<table:table-column/>"
        '<table:table-column table:visibility="collapse"/>'
        "<table:table-column/>"
        '<table:table-column table:visibility="collapse" table:number-columns-repeated="1000"/>'
    )
    lines, told = read(columns, HEADER, row(cell("First"), cell("Hall"), cell("12.50 €")))
    assert lines == ["# Rooms", "Floor: First | Rent: 12.50 €"]
    assert told == ["hidden in sheet Rooms, left out: 1 column"]
