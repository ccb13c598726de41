"""Pipe tables of Markdown are spelled out row by row; what only looks like one stays."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.formats.tables.markdown import spell_out_tables

TABLE = "| Part | Torque |\n|:---|---:|\n| bolt 1 | 3 Nm |\n| bolt 2 | 6 Nm |"
ROWS = "Part: bolt 1\nTorque: 3 Nm\n\nPart: bolt 2\nTorque: 6 Nm"
CASE = Path(__file__).parents[3] / "shared/cases/documents/table-longer-than-a-chunk/parts.md"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"# Parts\n\n{TABLE}\n\nDone.", f"# Parts\n\n{ROWS}\n\nDone."),
        (f"Table 1\n{TABLE}\n# Next", f"Table 1\n\n{ROWS}\n\n# Next"),
        ("Part | Torque\n--- | ---\nbolt 1 | 3 Nm\nbolt 2 | 6 Nm", ROWS),
        (TABLE.replace("\n", "\n> ").join(("> ", "")), ROWS),
        ("- item\n\n  " + TABLE.replace("\n", "\n  "), f"- item\n\n{ROWS}"),
        ("1.  item\n\n    " + TABLE.replace("\n", "\n    "), f"1.  item\n\n{ROWS}"),
        ("- " + TABLE.replace("\n", "\n  "), ROWS),
        ("| a |\n|---|\n| x \\| y |\n| `p \\| q` |", "a: x | y\n\na: `p | q`"),
        ("|a|b|\n|-|-|\n|1<br>2|3|", "a: 1 2\nb: 3"),
        ("| a | b |\n|---|---|\n| 1 |\n| 1 | 2 | 3 |", "a: 1\n\na: 1\nb: 2\n3"),
        ("|   |   |\n|---|---|\n| Part | Price |\n| bolt | 3 |", "Part: bolt\nPrice: 3"),
        ("| a | b |\n|---|---|", "a\nb"),
        (f"{TABLE}\n\n{TABLE}", f"{ROWS}\n\n{ROWS}"),
    ],
    ids=[
        "plain",
        "close",
        "bare",
        "quote",
        "item",
        "deep item",
        "item itself",
        "escaped",
        "break",
        "ragged",
        "no header",
        "no rows",
        "two",
    ],
)
def test_table_becomes_a_paragraph_a_row(text: str, expected: str) -> None:
    assert spell_out_tables(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{TABLE}\n```",
        f"~~~~ md\n```\n{TABLE}\n~~~~",
        f"- ```\n  {TABLE}\n  ```",
        "text\n\n    " + TABLE.replace("\n", "\n    "),
        f"<pre>\n{TABLE}\n</pre>",
        "a | b\nno delimiters",
        "| a | b | c |\n|---|---|\n| 1 | 2 |",
        "Title\n---\ntext | text",
        "no table",
    ],
    ids=["fence", "tildes", "item", "indented", "pre", "bars", "widths", "setext", "none"],
)
def test_what_is_no_table_stays_as_it_is(text: str) -> None:
    assert spell_out_tables(text) == text


@given(st.text("a|-: \n>`\\#", max_size=60))
def test_any_text_keeps_its_letters_and_is_spelled_out_once(text: str) -> None:
    once = spell_out_tables(text)
    assert once.count("a") >= text.count("a")


@pytest.mark.skipif(not CASE.is_file(), reason="the shared cases are not here")
def test_reported_table_names_its_columns_in_each_row() -> None:
    paragraphs = spell_out_tables(CASE.read_text()).split("\n\n")
    assert "Part: bolt 53\nTorque: 159 Nm\nDrawing: D-583" in paragraphs
