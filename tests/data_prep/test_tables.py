"""Every row of a table, whatever the table looks like, carries the names of its columns."""

from itertools import islice, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.formats.tables.rows import paragraphs

PRICES = ["Article,Price", "Lamp,12", "Chair,40"]


def found(*lines: str, header_rows: int | None = None) -> list[str]:
    """The paragraphs of rows that are written with commas, lines joined by a bar."""
    rows = (line.split(",") for line in lines)
    return [text.replace("\n", " | ") for text in paragraphs(rows, header_rows)]


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("Region,2021,2022", "North,110,120", "Region: North | 2021: 110 | 2022: 120"),
        ("Region,2021", "North,110", "Region: North | 2021: 110"),
        ("Region,Total,2021,2022", "N,9,4,5", "Region: N | Total: 9 | 2021: 4 | 2022: 5"),
        ("Region,Q1 2024,Q2 2024", "N,4,5", "Region: N | Q1 2024: 4 | Q2 2024: 5"),
        ("Region,2024-01-01,2024-02-01", "N,4,5", "Region: N | 2024-01-01: 4 | 2024-02-01: 5"),
        ("Hour,Jan 2026,Feb 2026", "7,4.5,5", "Hour: 7 | Jan 2026: 4.5 | Feb 2026: 5"),
        ("Dose,10,20,30", "A,1.5,1.7,4", "Dose: A | 10: 1.5 | 20: 1.7 | 30: 4"),
        ("Name,Phone,Phone", "Mia,0170,0171", "Name: Mia | Phone: 0170 | Phone 2: 0171"),
        (",Price,Stock", "Lamp,12,4", "Lamp | Price: 12 | Stock: 4"),
        ("Unnamed: 0,Price", "Lamp,12", "Lamp | Price: 12"),
        ("Pump,Mass [kg],Flow (l/s)", "P1,12,4.5", "Pump: P1 | Mass [kg]: 12 | Flow (l/s): 4.5"),
        ("Code,Cause", "E-112,no water", "Code: E-112 | Cause: no water"),
        ("Who,When:", "Mia,12:30", "Who: Mia | When: 12:30"),
        ("Part,Cost", "Lamp,(12.50)", "Part: Lamp | Cost: (12.50)"),
        ("Part,Cost", "Lamp,€ 12", "Part: Lamp | Cost: € 12"),
        ("Part,Sold", "Lamp,true", "Part: Lamp | Sold: true"),
    ],
)
def test_header_of_any_kind_names_the_values(header: str, row: str, expected: str) -> None:
    assert found(header, row, row.replace("1", "3")) [0] == expected  # fmt: skip


@pytest.mark.parametrize(
    "lines",
    [
        ["1,2", "3,4"],
        ["Mia,12", "Tom,14"],
        ["Mia,1812", "Tom,2034"],
        ["1,2,3", "4,5,6", "7,8,9"],
        ["2026-01-02,12", "2026-01-03,14"],
        ["DE,Berlin", "DE,Hamburg", "FR,Paris"],
        ["Mia,yes", "Tom,no"],
        ["Power,235 W", "Weight,48 kg", "Noise,30 dB"],
    ],
)
def test_table_without_a_header_keeps_its_cells(lines: list[str]) -> None:
    assert found(*lines) == [line.replace(",", " | ") for line in lines]


@pytest.mark.parametrize("blank", [[], [",,"], [",,", ",,"]])
def test_title_and_preamble_above_the_header_stand_once(blank: list[str]) -> None:
    lines = ["Price list ACME,,", "Report,2024,", *blank, "Article,Net price,Delivery"]
    assert found(*lines, "Lamp,12.5,3 days", "Chair,40,5 days") == [
        "Price list ACME",
        "Report | 2024",
        "Article: Lamp | Net price: 12.5 | Delivery: 3 days",
        "Article: Chair | Net price: 40 | Delivery: 5 days",
    ]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            ["Region,2024,,2025,", ",Revenue,Costs,Revenue,Costs"],
            "Region: N | 2024 Revenue: 4 | 2024 Costs: 3 | 2025 Revenue: 5 | 2025 Costs: 2",
        ),
        (
            [",Sales,,Staff,", "Region,Net,Gross,Count,Hours"],
            "Region: N | Sales Net: 4 | Sales Gross: 3 | Staff Count: 5 | Staff Hours: 2",
        ),
        (
            ["Pump,Mass,Flow,Head,Power", ",[kg],[l/s],[m],[kW]"],
            "Pump: N | Mass [kg]: 4 | Flow [l/s]: 3 | Head [m]: 5 | Power [kW]: 2",
        ),
        (
            [",sum,sum,mean,mean", "year,2023,2024,2023,2024", "region,,,,"],
            "year region: N | sum 2023: 4 | sum 2024: 3 | mean 2023: 5 | mean 2024: 2",
        ),
    ],
    ids=["groups", "corner", "units", "data frame"],
)
def test_header_of_several_rows_is_joined(header: list[str], expected: str) -> None:
    assert found(*header, "N,4,3,5,2", "S,7,6,8,1")[0] == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            [
                "Index,,",
                "2020 = 100,,",
                "",
                "Year,Month,Index",
                ",,in %",
                "2024,Jan,117.6",
                "2024,Feb,118",
            ],
            ["Index", "2020 = 100", "Year: 2024 | Month: Jan | Index in %: 117.6"],
        ),
        (
            [
                "Statements of income,,",
                "Year ended May 31,2024,2023",
                "Revenue,100,90",
                "Costs:,,",
                "Tax,5,4",
            ],
            ["Statements of income", "Year ended May 31: Revenue | 2024: 100 | 2023: 90"],
        ),
        (
            ["Year ended May 31,,", ",2024,2023", "Revenue,$ 100,$ 90", "Net loss,(50),(40)"],
            ["Year ended May 31", "Revenue | 2024: $ 100 | 2023: $ 90"],
        ),
        (
            [
                "Source,World",
                "",
                "Updated,2024-01-01",
                "",
                "Land,Code,1960,1961",
                "Aruba,ABW,54608,55811",
            ],
            [
                "Source | World",
                "Updated | 2024-01-01",
                "Land: Aruba | Code: ABW | 1960: 54608 | 1961: 55811",
            ],
        ),
        (
            ["Mass,10,20,50,100", "Zone 1,3.5,4.5,5.5,9", "Zone 2,4.5,5.5,6.5,9.5"],
            ["Mass: Zone 1 | 10: 3.5 | 20: 4.5 | 50: 5.5 | 100: 9"],
        ),
        (
            ["Prop,Unit,Value", "Mass,kg,12", "Color,-,red", "Len,m,3.4"],
            ["Prop: Mass | Unit: kg | Value: 12", "Prop: Color | Unit: - | Value: red"],
        ),
        (
            ["Land,Rate", "France,12", "Italy,13*", "Spain,:", "* estimated,"],
            ["Land: France | Rate: 12", "Land: Italy | Rate: 13*", "Land: Spain | Rate: :"],
        ),
        (
            [
                "lots of remarks,,,",
                "stand,,above,here",
                "Name,Age,Born,Died",
                "Mia,69,1947-01-08,2016-01-10",
            ],
            ["lots of remarks", "stand | above | here"],
        ),
    ],
    ids=["index", "statement", "corner", "bank", "steps", "one odd value", "footnotes", "remarks"],
)
def test_layouts_of_published_tables_keep_their_header(
    lines: list[str], expected: list[str]
) -> None:
    assert found(*lines)[: len(expected)] == expected


def test_tables_set_apart_by_blank_rows_have_headers_of_their_own() -> None:
    staff = ["Staff 2026,", "Name,Room", "Mia,B12", "Tom,B14"]
    assert found(*PRICES, ",", *staff, ",", "Lamp,2026", "Chair,2027")[:5] == [
        "Article: Lamp | Price: 12",
        "Article: Chair | Price: 40",
        "Staff 2026",
        "Name: Mia | Room: B12",
        "Name: Tom | Room: B14",
    ]
    years = ["Region,2024,2025", "N,1,2"]
    assert found(*PRICES, "", *years)[-1] == "Region: N | 2024: 1 | 2025: 2"


def test_blank_rows_inside_a_table_do_not_end_its_header() -> None:
    assert found("Article,Price", "", "Lamp,12", "", "Chair,40", "", "Total,52") == [
        "Article: Lamp | Price: 12",
        "Article: Chair | Price: 40",
        "Article: Total | Price: 52",
    ]


def test_tables_side_by_side_keep_their_own_rows() -> None:
    lines = ["Part,Price,,Person,Room", "bolt,3,,Mia,12", "nut,4,,Tom,14", "pin,5,,,", "cap,6,,,"]
    assert found(*lines) == [
        "Part: bolt | Price: 3",
        "Part: nut | Price: 4",
        "Part: pin | Price: 5",
        "Part: cap | Price: 6",
        "Person: Mia | Room: 12",
        "Person: Tom | Room: 14",
    ]


def test_title_above_a_table_with_an_empty_column_does_not_part_it() -> None:
    lines = ["Staff of ACME,,,,", "Name,Role,,City,Land", "Mia,chef,,Bonn,DE", "Tom,cook,,Nice,FR"]
    assert found(*lines)[1] == "Name: Mia | Role: chef | City: Bonn | Land: DE"


def test_empty_column_between_years_does_not_part_a_table() -> None:
    assert found("In millions,2024,,2023,", "Sales,5,,4,", "Costs,3,,2,", "Tax,1,,1,")[0] == (
        "In millions: Sales | 2024: 5 | 2023: 4"
    )


def test_notes_below_a_table_are_no_rows_of_it() -> None:
    table = ["Article,Price,Stock", "Lamp,12,3", "Chair,40,4"]
    assert found(*table, "Source: ACME,,")[-1] == "Source: ACME"
    assert found(*table, ",,", "Prices without tax,,")[-1] == "Prices without tax"


def test_header_that_comes_again_is_no_row() -> None:
    assert (
        found(*PRICES, *PRICES) == ["Article: Lamp | Price: 12", "Article: Chair | Price: 40"] * 2
    )


def test_known_header_rows_are_believed() -> None:
    assert found("1,2", "3,4", header_rows=1) == ["1: 3 | 2: 4"]
    assert found("a,b", "x,y", header_rows=0) == ["a | b", "x | y"]
    assert found("a,b", header_rows=1) == ["a | b"]


def test_header_without_rows_is_kept() -> None:
    assert found("Article,Price") == ["Article | Price"]
    assert found("only text") == ["only text"]


def test_rows_are_read_as_they_are_needed() -> None:
    endless = (["Lamp", str(number)] for number in range(10**12))
    assert len(list(islice(paragraphs(endless), 1000))) == 1000
    assert next(paragraphs(repeat(["a", "1"])), "") == "a\n1"


@given(st.lists(st.lists(st.sampled_from(["", "a", "b c", "1", "2024"]), max_size=7), max_size=70))
def test_no_cell_of_a_sparse_grid_is_lost(rows: list[list[str]]) -> None:
    text = "\n".join(paragraphs(rows))
    assert all(cell in text for row in rows for cell in row)


@given(st.lists(st.lists(st.text("ab1,.: \n%-", max_size=5), max_size=5), max_size=12))
def test_no_cell_of_any_grid_is_lost(rows: list[list[str]]) -> None:
    text = "\n".join(paragraphs(rows))
    cells = {" ".join(cell.split()) for row in rows for cell in row}
    assert [cell for cell in cells if cell.removesuffix(":") not in text] == []
