"""What `tests.bench.documents` counts as found, on chunks written by hand."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.document_measures import (
    Row,
    body_of,
    heading_key,
    headings_as_sections,
    headings_kept,
    pages_right,
    rows_kept,
    title_is_right,
    whole_text,
    word_recall,
)

NORTH = Row(("Region", "2022"), (("North",), ("120", "120.0")))
FIRST = "Bolts hold the lamp above the table while the glue is still wet."
SECOND = "Before winter every lamp is taken down, cleaned and stored in a dry room."


def chunk(text: str, start: int = 0, page: int | None = None, section: str = "") -> dict[str, Any]:
    return {
        "text": text, "start": start, "end": start + len(text), "page": page, "section": section,
    }  # fmt: skip


@given(
    text=st.text(alphabet="ab \n", min_size=1, max_size=60),
    cuts=st.lists(st.tuples(st.integers(0, 59), st.integers(1, 30)), max_size=5),
)
def test_whole_text_of_overlapping_chunks_that_cover_a_text_is_that_text(
    text: str, cuts: list[tuple[int, int]]
) -> None:
    spans = [(0, len(text)), *((a, a + size) for a, size in cuts if a + size <= len(text))]
    assert whole_text([chunk(text[a:b], a) for a, b in spans]) == text


@given(
    st.lists(st.sampled_from(["lamp", "bolts", "winter", "table"]), min_size=1, max_size=30),
    st.data(),
)
def test_word_recall_counts_each_word_as_often_as_it_is_wanted(
    wanted: list[str], data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(wanted), max_size=len(wanted), unique=True))
    share = word_recall(" ".join(wanted), " ".join(kept))
    assert (share.found, share.total) == (len(kept), len(wanted))


@pytest.mark.parametrize(("truth", "text"), [
    ("offices differ", "oﬃces diﬀer"),
    ("documentation", "documen-\ntation"),
    ("documentation", "documen\u00adtation"),
    ("documen-\ntation", "documentation"),
    ("long-\nterm plans", "long-term plans"),
    ("longterm plans", "long-term plans"),
    ("LAMPS", "Lamps"),
])  # fmt: skip
def test_word_recall_reads_ligatures_hyphens_and_case_kindly(truth: str, text: str) -> None:
    share = word_recall(truth, text)
    assert share.found == share.total


@pytest.mark.parametrize(("truth", "text", "missed"), [
    ("lamps above tables", "lampsabovetables", {"lamps", "above", "tables"}),
    ("lamps", "lam ps", {"lamps"}),
    ("Größe Straße", "Gr e Stra e", {"grösse", "strasse"}),
])  # fmt: skip
def test_word_recall_misses_glued_and_torn_words(truth: str, text: str, missed: set[str]) -> None:
    assert set(word_recall(truth, text).missed) == missed


def test_body_of_pages_leaves_out_running_heads_and_page_numbers() -> None:
    pages = [f"Lamp manual\nBody {word}\nLamp manual\nACME\n{at}" for at, word in enumerate("abcd")]
    layouts = [f"  Lamp manual\nBody {w}\nmore\nand\nACME     {at}" for at, w in enumerate("abcd")]
    body = body_of(pages, layouts)
    assert (
        body == "Body a\nLamp manual\nBody b\nLamp manual\nBody c\nLamp manual\nBody d\nLamp manual"
    )
    assert body_of(pages[:2], layouts[:2]) == "\n".join(pages[:2])  # twice is no habit


@pytest.mark.parametrize(("heading", "same"), [
    ("2.1. The shell prompt", "The shell prompt"),
    ("Chapter 4. Required files", "required files"),
    ("## `json` — encoder ##", "json — encoder"),
    ("Getting started¶", "Getting started"),
    ("A.2 Symbols", "Symbols"),
    ("Snake\\_case", "Snake_case"),
])  # fmt: skip
def test_heading_keys_leave_out_numbers_marks_and_signs(heading: str, same: str) -> None:
    assert heading_key(heading) == heading_key(same)


def test_headings_are_kept_as_sections_or_lines_but_not_inside_sentences() -> None:
    chunks = [
        chunk("2.1 Setting up\nTurn it on.", section="Manual > Starting"),
        chunk("A heading that\nwraps\n\nSee Cleaning for more.", 50),
    ]
    headings = ["Manual", "Starting", "Setting up", "A heading that wraps", "Cleaning"]
    assert headings_kept(headings, chunks).missed == ("Cleaning",)
    assert headings_as_sections(headings, chunks).found == 2


@pytest.mark.parametrize("text", [
    "Region: North\n2022: 120",
    "| Region | 2022 |\n|---|---|\n| North | 120.0 |",
])  # fmt: skip
def test_row_is_kept_where_one_paragraph_has_its_cells(text: str) -> None:
    assert rows_kept([NORTH], [chunk(text)]).found == 1


@pytest.mark.parametrize("texts", [
    ["North\n120"],
    ["Region 2022", "North 120"],
    ["Region\n\n2022\n\nNorth\n\n120"],
])  # fmt: skip
def test_row_is_lost_without_header_or_with_its_cells_torn_apart(texts: list[str]) -> None:
    share = rows_kept([NORTH], [chunk(text) for text in texts])
    assert share.found == 0
    assert share.missed == ("North | 120",)


@pytest.mark.parametrize(("pages", "found"), [
    ((1, 2), {"found": 2, "total": 2, "low": 0, "unjudged": 0}),
    ((1, 1), {"found": 1, "total": 2, "low": 1, "unjudged": 0}),
    ((2, 2), {"found": 1, "total": 2, "low": 0, "unjudged": 0}),
    ((None, 2), {"found": 1, "total": 1, "low": 0, "unjudged": 1}),
])  # fmt: skip
def test_page_is_right_where_most_of_the_chunk_stands(
    pages: tuple[int | None, int], found: Mapping[str, int]
) -> None:
    chunks = [chunk(FIRST, 0, pages[0]), chunk(FIRST[-20:] + " " + SECOND, 60, pages[1])]
    assert pages_right(chunks, [FIRST, SECOND]) == found


def test_page_of_a_chunk_without_known_words_is_not_judged() -> None:
    assert pages_right([chunk("quite another text", 0, 1)], [FIRST])["unjudged"] == 1


def test_title_is_right_when_a_person_would_give_it() -> None:
    assert title_is_right("Debian Policy Manual", ["The manual", "debian policy manual"])
    assert not title_is_right("untitled", ["Debian Policy Manual"])
