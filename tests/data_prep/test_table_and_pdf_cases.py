"""Tables, records and PDFs as the world makes them, from listing to chunks; see their notes."""

from collections.abc import Callable

import pytest

from tests.data_prep.arrivals import CASES, Arrival

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the cases beside the repository are absent"
)

Arrive = Callable[..., Arrival]


def with_all(arrival: Arrival, doc_id: str, needle: str, *others: str) -> None:
    """Every chunk that holds `needle` also holds the others."""
    found = [chunk.text for chunk in arrival.of(doc_id) if needle in chunk.text]
    assert found
    for text in found:
        assert all(other in text for other in others)


def test_csv_quoted_cells_are_whole(case: Arrive) -> None:
    arrival = case("csv-quoted-cells", "*.csv")
    assert 'note: so called "on, return" on, returned replaced - because was' in arrival.text(
        "quote_all.csv"
    ).split("\n")
    short = arrival.text("bom_semicolon.csv").split("\n")
    assert {"name: Müller", 'note: said "hello" twice', "note: a;b"} <= set(short)
    assert "Where is the fuse, and which one is it?" in arrival.text("one_column.csv")


def test_csv_with_semicolons_and_decimal_commas_is_read_row_by_row(case: Arrive) -> None:
    arrival = case("csv-semicolon-german", "*.csv")
    lines = arrival.text("retouren.csv").split("\n")
    assert {"Nr: 1", "Name: Müller", "Preis: 78,11"} <= set(lines)
    assert len({line for line in lines if line.startswith("Nr: ")}) == 60


def test_csv_headers_of_years_repeats_and_empty_corners_name_the_cells(case: Arrive) -> None:
    arrival = case("csv-year-header", "*.csv")
    assert "Region: North\n2021: 110\n2022: 120" in arrival.text("years.csv")
    assert "Name: Mia\nPhone: 0170\nPhone 2: 0171" in arrival.text("dup_header.csv")
    assert "Lamp\nPrice: 12\nStock: 4" in arrival.text("index_header.csv")


def test_pdf_without_unicode_map_fails_with_its_reason(case: Arrive) -> None:
    arrival = case("pdf-broken-unicode-map", "*.pdf")
    assert not arrival.chunks
    assert "no readable text" in arrival.outcomes["no_tounicode.pdf"].reason


def test_pdf_form_values_stand_by_their_labels(case: Arrive) -> None:
    text = case("pdf-form-values", "*.pdf").text("form.pdf")
    for label, value in (("Name of the tenant", "Olivia Brandt"), ("Monthly rent", "1250 EUR")):
        assert value in text
        assert text.index(value) - text.index(label) < 60


def test_pdf_ligatures_and_hyphens_become_words(case: Arrive) -> None:
    text = case("pdf-ligatures-and-hyphens", "*.pdf").text("ligature.pdf")
    for words in (
        "configuration of the flow meter", "sufficient", "maintenance", "temperature", "reflector",
        "Instrument readings", "lint-free", "long-term",
    ):  # fmt: skip
        assert words in text


def test_pdf_of_scanned_pages_says_so(case: Arrive) -> None:
    arrival = case("pdf-mostly-scanned", "*.pdf")
    assert arrival.chunks
    assert "9 of 10 pages" in arrival.notices("mostly_scanned.pdf")


def test_pdf_page_is_where_a_reader_finds_the_text(case: Arrive) -> None:
    arrival = case("pdf-page-one-too-low", "*.pdf")
    (chunk,) = [c for c in arrival.chunks if "The lighthouse is open to visitors" in c.text]
    assert chunk.page == 2


def test_pdf_running_heads_are_left_out_and_sentences_go_on(case: Arrive) -> None:
    arrival = case("pdf-running-headers", "*.pdf")
    text = arrival.text("header_footer.pdf")
    assert text.count("ACME Industries - Confidential") <= 1
    assert "Page 2 of 3" not in text


def test_pdf_columns_are_read_one_after_the_other(case: Arrive) -> None:
    text = case("pdf-two-columns", "*.pdf").text("twocol_interleaved.pdf")
    assert (
        "The intake valve opens at two bar. It must never be painted, because paint blocks the spring."
        in text
    )
    assert "The outlet filter holds back sand. Rinse it with warm water only." in text


def test_pdf_without_space_glyphs_has_words(case: Arrive) -> None:
    text = case("pdf-xetex-glued-words", "*.pdf").text("shift.pdf")
    assert "The night shift checks the boiler before the plant is handed over." in text
    assert "(p = 7 bar)" in text
    assert "Spare parts are kept in the cellar." in text


def test_records_of_data_frames_are_documents_with_metadata(case: Arrive) -> None:
    lines = case("records-column-types", "records.jsonl")
    assert set(lines.outcomes) == {"r1", "r2", "r3", "r4", "8"}
    assert lines.title("r4") == "2026"
    assert lines.of("r1")[0].metadata["tags"] == ["food", "paid"]
    assert lines.of("r3")[0].metadata["nested"]["dept"] == "HR"


def test_rows_of_parquet_are_documents_with_metadata(case: Arrive) -> None:
    frame = case("records-column-types", "pandas_like.parquet")
    assert set(frame.outcomes) == {"1", "2"}
    assert {frame.title("1"), frame.title("2")} == {"1984", "2001"}


def test_tables_longer_than_a_chunk_say_their_columns_in_each(case: Arrive) -> None:
    arrival = case("table-longer-than-a-chunk", "*.*")
    with_all(arrival, "parts.md", "bolt 53", "Torque", "Drawing")
    with_all(arrival, "error-codes.html", "E-112", "Remedy")
    with_all(arrival, "levels.docx", "L54", "Response time")
    with_all(arrival, "table.pdf", "PX-245", "Power", "Weight", "Noise")
    assert min(chunk.tokens for chunk in arrival.of("parts.md")) >= 16


def test_sheet_cells_are_as_people_see_them(case: Arrive) -> None:
    arrival = case("xlsx-merged-and-typed-cells", "*.xlsx")
    text = arrival.text("rooms.xlsx")
    for room in ("Archive", "Workshop", "Kitchen"):
        paragraph = next(p for p in text.split("\n\n") if room in p)
        assert "Floor: First" in paragraph
    assert "00:00:00" not in text
    assert "19.5%" in text
    assert "do not publish" not in text
    assert "formula" in arrival.notices("rooms.xlsx")
    assert "hidden" in arrival.notices("rooms.xlsx")


def test_title_row_above_a_header_is_no_header(case: Arrive) -> None:
    arrival = case("xlsx-title-row", "*.*")
    (row,) = [p for p in arrival.text("title_row.xlsx").split("\n\n") if "Lamp" in p]
    assert {"Article: Lamp", "Net price: 12.5", "Delivery: 3 days"} <= set(row.split("\n"))
    assert arrival.text("title_row.xlsx").count("Price list ACME, valid from 2026") == 1
    assert "Region: North\nRevenue: 110\nCosts: 80" in arrival.text("preamble.csv")
