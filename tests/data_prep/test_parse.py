"""Each format gives title, NFC text and pages; damaged files give a reason, never another error."""

import json
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.records import Document
from data_prep.parse import ParseError, parse
from data_prep.sources import Format, Source
from tests.documents import MANUAL, PAGE, encrypted_pdf, pdf


def parsed(format: Format, data: bytes) -> Document:
    return parse(Source("d", "file:///d", "hash", format, "/d", 0, len(data)), data)


def test_markdown_takes_its_title_from_the_first_heading() -> None:
    assert parsed("markdown", MANUAL.encode()).title == "Lamp manual"
    assert parsed("markdown", b"Setext title\n====\n\ntext").title == "Setext title"
    assert parsed("markdown", b"no heading").title == ""


def test_text_is_normalised_once() -> None:
    document = parsed("text", "Cafe\u0301\r\nno\0thing".encode())
    assert document.text == "Café\nnothing"
    assert parsed("text", "\ufeffmark".encode()).text == "mark"


def test_old_encodings_are_detected() -> None:
    text = "Größere Räume brauchen längere Kabel, fünf Meter für jede Wand. " * 5
    assert parsed("text", text.encode("cp1252")).text == text


def test_html_keeps_the_main_text_and_its_blocks() -> None:
    document = parsed("html", PAGE.encode())
    assert document.title == "Warranty"
    assert "The warranty lasts 31 months from the day of purchase.\n\nKeep" in document.text
    assert "Shop" not in document.text


def test_pdf_joins_lines_and_keeps_pages() -> None:
    pages = [
        ["The lamp needs seven bolts, tightened", "crosswise, one after another until", "all sit."],
        [],
        ["Second page."],
    ]
    document = parsed("pdf", pdf(pages, "Lamp"))
    assert document.title == "Lamp"
    assert "tightened crosswise, one after another until all sit.\n\nSecond page." in document.text
    assert [number for number, _ in document.pages] == [1, 3]
    assert document.text[document.pages[1][1] :] == "Second page."


def test_record_brings_title_and_metadata() -> None:
    record = {"_id": "1", "title": "T", "text": "body", "metadata": {"year": 2011}}
    document = parsed("record", json.dumps(record).encode())
    assert (document.title, document.text, document.metadata) == ("T", "body", {"year": 2011})


@pytest.mark.parametrize(
    ("format", "data", "reason"),
    [
        ("pdf", b"%PDF-1.4 nothing", "damaged"),
        ("pdf", b"", "damaged"),
        ("pdf", pdf([["text " * 9] * 20])[:900], "damaged"),
        ("pdf", encrypted_pdf("secret"), "encrypted"),
        ("pdf", pdf([[], []]), "2 pages, probably scanned"),
        ("html", b"<html><body></body></html>", "no text"),
        ("text", b" \n\t ", "no text"),
        ("markdown", b"", "no text"),
    ],
)
def test_file_without_usable_text_gives_its_reason(
    format: Format, data: bytes, reason: str
) -> None:
    with pytest.raises(ParseError, match=reason):
        parsed(format, data)


@given(st.binary(max_size=300), st.sampled_from(["markdown", "text", "html", "pdf"]))
def test_any_bytes_are_parsed_or_refused_with_a_reason(data: bytes, format: Format) -> None:
    try:
        text = parsed(format, data).text
    except ParseError:
        return
    text.encode()
    assert unicodedata.is_normalized("NFC", text)
    assert "\0" not in text


@given(st.integers(0, 1200), st.binary(max_size=8))
def test_damaged_pdf_never_kills_the_job(at: int, noise: bytes) -> None:
    data = pdf([["The lamp draws 12 watts."], ["It weighs 3 kg."]], "Spec")
    damaged = data[:at] + noise + data[at + len(noise) :]
    with suppress(ParseError):
        assert parsed("pdf", damaged).text.strip()
