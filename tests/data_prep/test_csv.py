"""Delimited files are read by the dialect that wrote them, and their rows name their columns."""

import csv
import io
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.formats.tables.delimited import parse_csv, read_rows
from tests.delimited import written

CASES = Path(__file__).parents[3] / "shared" / "cases" / "documents"


def rows_of(text: str) -> list[list[str]]:
    return [list(row) for row in read_rows(text)]


@pytest.mark.parametrize("block", range(10))
def test_generated_files_are_read_as_their_true_dialect_reads_them(block: int) -> None:
    files = [written(seed) for seed in range(block * 120, block * 120 + 120)]
    wrong = [file.dialect for file in files if rows_of(file.text) != file.rows]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1,5;2,5;3,5\n4,5;5,5;6,5\n", [["1,5", "2,5", "3,5"], ["4,5", "5,5", "6,5"]]),
        ("a;b\n1,5;2,5\n", [["a", "b"], ["1,5", "2,5"]]),
        ("sep=;\na,b;c\n1,2;3\n", [["a,b", "c"], ["1,2", "3"]]),
        (
            'id\ttext\n1\tone, two, three\n2\t"a ""b"", c"\n',
            [["id", "text"], ["1", "one, two, three"], ["2", 'a "b", c']],
        ),
        ('a|b\n1|5" pipe\n2|"x|y"\n', [["a", "b"], ["1", '5" pipe'], ["2", "x|y"]]),
        ("'a','b'\n'x, y','it''s'\n", [["a", "b"], ["x, y", "it's"]]),
        ('a, "b, c", d\n1, "2, 3", 4\n', [["a", "b, c", "d"], ["1", "2, 3", "4"]]),
        (
            'a,b\n1,"he said \\"no, no\\""\n2,"x"\n',
            [["a", "b"], ["1", 'he said "no, no"'], ["2", "x"]],
        ),
        ('a\tb\n"un\t1\nx\t2\n', [["a", "b"], ['"un', "1"], ["x", "2"]]),
        (
            'question\n"Where is it, and why?"\nHow?\n',
            [["question"], ["Where is it, and why?"], ["How?"]],
        ),
        (
            "Rust begins early, late, or never.\nIt goes, slowly.\nStop\n",
            [["Rust begins early, late, or never."], ["It goes, slowly."], ["Stop"]],
        ),
        (
            "# made by x, on Monday\na,b,c\n1,2,3\n",
            [["# made by x, on Monday"], ["a", "b", "c"], ["1", "2", "3"]],
        ),
    ],
    ids=[
        "decimal commas",
        "two rows",
        "sep",
        "tab and commas",
        "bar and quotes",
        "single quotes",
        "blanks",
        "backslashes",
        "open quote",
        "one column",
        "sentences",
        "comment",
    ],
)
def test_delimiter_and_quotes_are_found_beside_marks_of_the_text(
    text: str, rows: list[list[str]]
) -> None:
    assert rows_of(text) == rows


@given(st.text("ab1;,|\t\"' \\\n.", max_size=80))
def test_any_text_is_read_and_keeps_its_letters(text: str) -> None:
    found = "".join(cell for row in read_rows(text) for cell in row)
    assert all(found.count(letter) == text.count(letter) for letter in "ab1")


@pytest.mark.parametrize(
    "piece", ['"', "'", ",", '";"\n', '"a\n', "a;b,c|d\te^f\n", "word " * 50, '\\"']
)
def test_hostile_text_is_read_in_time_of_its_size(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        begin = time.process_time()
        parse_csv(text.encode() + b"x")
        return time.process_time() - begin

    assert seconds(1 << 20) < 8 * seconds(1 << 18) + 1


def test_quote_that_opens_far_below_the_sample_does_not_swallow_the_rest() -> None:
    lines = ["id\ttext", *(f"{number}\tplain words here" for number in range(9000))]
    lines[8000] = '7999\t"open'
    assert [len(row) for row in rows_of("\n".join(lines))] == [2] * 9001


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_encodings_of_office_programs_are_read(encoding: str) -> None:
    text = 'Größe;Maß;Notiz\r\n"1,5";Müller;"zwei\r\nZeilen; für Schäfer"\r\n2,5;Jäger;\r\n'
    found = parse_csv(text.encode(encoding)).text
    assert found.split("\n\n") == [
        "Größe: 1,5\nMaß: Müller\nNotiz: zwei Zeilen; für Schäfer",
        "Größe: 2,5\nMaß: Jäger",
    ]


def test_rows_shorter_and_longer_than_the_header_are_kept() -> None:
    found = parse_csv(b"name,price,stock\nlamp,12\nchair,40,9,new\nshade,3,4\n").text
    assert found.split("\n\n") == [
        "name: lamp\nprice: 12",
        "name: chair\nprice: 40\nstock: 9\nnew",
        "name: shade\nprice: 3\nstock: 4",
    ]


@pytest.mark.slow
def test_large_file_needs_memory_of_a_few_times_its_size() -> None:
    out = io.StringIO()
    rows = (
        [number, f"lamp {number}", number / 7, "a note, with commas"] for number in range(200_000)
    )
    csv.writer(out).writerows([["id", "name", "price", "note"], *rows])
    data = out.getvalue().encode()
    tracemalloc.start()
    found = parse_csv(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.metadata == {"rows": 200_001}
    assert peak < 8 * len(data)


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
@pytest.mark.parametrize(
    ("case", "lines"),
    [
        (
            "csv-quoted-cells/quote_all.csv",
            ['note: so called "on, return" on, returned replaced - because was'],
        ),
        (
            "csv-quoted-cells/bom_semicolon.csv",
            ["name: Müller", 'note: said "hello" twice', "note: a;b"],
        ),
        ("csv-quoted-cells/one_column.csv", ["Where is the fuse, and which one is it?"]),
        ("csv-semicolon-german/retouren.csv", ["Name: Müller", "Preis: 78,11"]),
        ("csv-year-header/years.csv", ["Region: North", "2022: 120"]),
        ("csv-year-header/dup_header.csv", ["Name: Mia", "Phone: 0170", "Phone 2: 0171"]),
        ("csv-year-header/index_header.csv", ["Lamp", "Price: 12", "Stock: 4"]),
        ("xlsx-title-row/preamble.csv", ["Quarterly report ACME", "Region: North", "Costs: 80"]),
    ],
)
def test_reported_files_name_their_columns(case: str, lines: list[str]) -> None:
    found = parse_csv((CASES / case).read_bytes()).text.splitlines()
    assert [line for line in lines if line not in found] == []
