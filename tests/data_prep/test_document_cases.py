"""Small inputs of the kinds that documents in the world are, from listing to chunks; see their notes."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from tokenizers import Tokenizer

from tests.data_prep.arrivals import CASES, Arrival, arrive

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the cases beside the repository are absent"
)

Arrive = Callable[..., Arrival]


def test_citation_uri_of_odd_names_leads_back_to_the_file(made: Arrive, tmp_path: Path) -> None:
    arrival = made("citation-uri-odd-names")
    paths = {Path(url2pathname(urlsplit(chunk.uri).path)) for chunk in arrival.chunks}
    assert paths == set((tmp_path / "out").rglob("*.md"))
    assert any(chunk.uri.endswith("/100%25%20sure%20%231%3F.md") for chunk in arrival.chunks)


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


def test_thai_is_cut_to_a_size_and_told(case: Arrive) -> None:
    arrival = case("text-thai", "*.txt")
    assert max(len(chunk.text) for chunk in arrival.chunks) < 1000
    assert "models.embedder" in arrival.notices("notes.txt")


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
