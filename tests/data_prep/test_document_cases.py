"""Small inputs of the kinds that documents in the world are, from listing to chunks; see their notes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from tokenizers import Tokenizer

from cluster.settings import IngestSettings
from tests.data_prep.arrivals import CASES, Arrival, arrive

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the cases beside the repository are absent"
)

Arrive = Callable[..., Arrival]


@pytest.fixture
def case(tmp_path: Path, tokenizer: Tokenizer) -> Arrive:
    def run(name: str, part: str = "", ingest: IngestSettings | None = None) -> Arrival:
        return arrive(CASES / name / part, tmp_path / "home", tokenizer, ingest)

    return run


@pytest.fixture
def made(tmp_path: Path, tokenizer: Tokenizer) -> Arrive:
    """As `case`, for what `make.py` makes; `part` is below its output."""

    def run(name: str, out: str = "out", part: str = "", *options: str) -> Arrival:
        target = tmp_path / out
        command = [sys.executable, str(CASES / name / "make.py"), str(target), *options]
        subprocess.run(command, check=True)
        return arrive(target / part if part else target, tmp_path / "home", tokenizer)

    return run


def with_all(arrival: Arrival, doc_id: str, needle: str, *others: str) -> None:
    """Every chunk that holds `needle` also holds the others."""
    found = [chunk.text for chunk in arrival.of(doc_id) if needle in chunk.text]
    assert found
    for text in found:
        assert all(other in text for other in others)


def test_citation_uri_of_odd_names_leads_back_to_the_file(made: Arrive, tmp_path: Path) -> None:
    arrival = made("citation-uri-odd-names")
    paths = {Path(url2pathname(urlsplit(chunk.uri).path)) for chunk in arrival.chunks}
    assert paths == set((tmp_path / "out").rglob("*.md"))
    assert any(chunk.uri.endswith("/100%25%20sure%20%231%3F.md") for chunk in arrival.chunks)


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


def test_text_that_the_embedder_does_not_know_is_told(case: Arrive) -> None:
    arrival = case("embedder-unreadable-text", "docs")
    for name in ("fan.txt", "lamp.txt"):
        assert "models.embedder" in arrival.notices(name)
        assert "%" in arrival.notices(name)


def test_fifo_is_listed_and_the_rest_arrives(made: Arrive) -> None:
    arrival = made("folder-with-fifo")
    assert {chunk.doc_id for chunk in arrival.chunks} == {"guide.md"}
    (failure,) = arrival.listing.failures
    assert failure.doc_id == "pipe.txt"
    assert "regular file" in failure.reason


def test_links_to_outside_are_told_and_loops_end(made: Arrive) -> None:
    arrival = made("folder-with-symlink", "out", "source")
    assert {chunk.doc_id for chunk in arrival.chunks} == {"gate.md"}
    told = [f.doc_id for f in arrival.listing.failures] + list(arrival.listing.ignored)
    assert any("linked" in text for text in told) or any("link" in text for text in told)


def test_html_code_keeps_its_indentation(case: Arrive) -> None:
    arrival = case("html-code-indentation", "*.html")
    text = arrival.text("retry.html")
    code = text[text.index("def retry") :].split("```")[0]
    assert "        try:" in code
    assert "\n\n" not in code.strip()
    compile(code, "retry", "exec")
    assert "Example" in text
    assert "Limits" in text


def test_html_headings_of_manuals_are_kept_without_permalinks(case: Arrive) -> None:
    arrival = case("html-docbook-headings", "*.html")
    text = arrival.text("ch04.html")
    for heading in (
        "4.1. Queues",
        "4.1.1. Durable queues",
        "4.1.2. Priority queues",
        "4.2. Limits",
    ):
        assert any(
            line.startswith("#") and line.endswith(heading)
            for line in text.replace("\u00a0", " ").split("\n")
        )
    assert "Prev" not in text
    assert arrival.title("permalinks.html") == "Installing the collector"
    assert "¶" not in arrival.text("permalinks.html")
    assert "## Requirements" in arrival.text("permalinks.html")


def test_html_paragraphs_run_over_the_lines_of_their_source(case: Arrive) -> None:
    text = case("html-wrapped-lines", "*.html").text("lift.html")
    assert "The goods lift carries at most eight hundred kilograms. Whoever loads it" in text
    assert "Trolleys are secured with the two straps A on the rear wall." in text


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("withh1.md", "Retention policy"),
        ("hugo.md", "Rotating the API keys"),
        ("comment.md", "Backup plan"),
        ("toml.md", "Leave requests"),
        ("code_first.md", "Installing the agent"),
    ],
)
def test_front_matter_is_metadata_and_title(case: Arrive, name: str, title: str) -> None:
    arrival = case("md-front-matter", name)
    assert arrival.title(name) == title
    assert "title:" not in arrival.text(name)
    if name == "hugo.md":
        assert arrival.of(name)[0].metadata["tags"] == ["security", "keys"]
        assert arrival.of(name)[0].metadata["date"] == "2026-03-02"


@pytest.mark.parametrize("size", ["75000", "3750000"])
def test_inline_pictures_leave_their_words(made: Arrive, size: str) -> None:
    arrival = made("md-inline-picture", "page.md", "", size)
    assert 1 <= len(arrival.chunks) <= 2
    text = arrival.text("page.md")
    assert "Press the red button beside the door." in text
    assert "Then wait two minutes before you open the hood." in text
    assert "base64" not in text
    assert len(text) < 300


def test_code_block_longer_than_a_chunk_has_no_lonely_fence(case: Arrive) -> None:
    arrival = case("md-lonely-fence", "client.md")
    assert min(chunk.tokens for chunk in arrival.chunks) >= 16
    first = next(chunk for chunk in arrival.chunks if "class Client:" in chunk.text)
    assert "Use this class:" in first.text
    assert {chunk.section for chunk in arrival.chunks} == {"Client"}


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


def test_titles_say_something(case: Arrive) -> None:
    arrival = case("placeholder-titles", "*.*")
    assert arrival.title("cellar-key.txt") == "cellar-key"
    assert arrival.title("gloves.pdf") in {"Rules for gloves", "gloves"}
    assert "untitled" not in arrival.title("saw.pdf").lower()
    assert arrival.title("saw.pdf")


def test_text_under_any_suffix_arrives(case: Arrive) -> None:
    arrival = case("plain-text-suffixes", "docs")
    assert not arrival.listing.failures
    assert {chunk.doc_id for chunk in arrival.chunks} == {
        "README", "app.log", "conf.yaml", "data.json", "guide.rst", "mail.eml", "page.mdx",
    }  # fmt: skip


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


def test_thai_is_cut_to_a_size_and_told(case: Arrive) -> None:
    arrival = case("text-thai", "*.txt")
    assert max(len(chunk.text) for chunk in arrival.chunks) < 1000
    assert "models.embedder" in arrival.notices("notes.txt")


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


def test_special_files_and_links_never_stop_a_run(tmp_path: Path, tokenizer: Tokenizer) -> None:
    """A folder of everything that once stopped a run: each thing is indexed, failed or told."""
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "good.md").write_text("# Good\n\nThe gate opens at seven.")
    os.mkfifo(folder / "pipe.txt")
    os.symlink("/dev/zero", folder / "zero.txt")
    os.symlink("/etc/passwd", folder / "secret.txt")
    os.symlink("nowhere", folder / "broken.txt")
    os.symlink(".", folder / "loop")
    arrival = arrive(folder, tmp_path / "home", tokenizer)
    assert {chunk.doc_id for chunk in arrival.chunks} == {"good.md"}
    told = {failure.doc_id for failure in arrival.listing.failures}
    assert {"pipe.txt", "zero.txt", "secret.txt", "broken.txt"} <= told
