"""Each format gives title, NFC text and pages; damaged files give a reason, never another error."""

import codecs
import json
import os
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.formats.kinds import Format
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.parse import parse_bytes, parse_record
from tests.documents import MANUAL, PAGE, encrypted_pdf, pdf

GERMAN = "Größere Räume brauchen längere Kabel, fünf Meter für jede Wand. " * 5


def parsed(format: Format, data: bytes) -> Parsed:
    return parse_bytes(data, format)


def test_markdown_takes_its_title_from_the_first_heading() -> None:
    assert parsed("markdown", MANUAL.encode()).title == "Lamp manual"
    assert parsed("markdown", b"Setext title\n====\n\ntext").title == "Setext title"
    assert parsed("markdown", b"no heading").title == ""


def test_text_is_normalised_once() -> None:
    document = parsed("text", "Cafe\u0301\r\nno\0thing".encode())
    assert document.text == "Café\nnothing"
    assert parsed("text", "\ufeffmark".encode()).text == "mark"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", GERMAN),
        ("cp1252", "L’été dernier, le garçon a mangé une pomme à l'école où il étudie."),
        ("cp1252", "Smörgåsbord på svenska är gott, säger Åsa."),
        ("cp1250", "Zażółć gęślą jaźń. Książka leży na stole, który stoi w kuchni."),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy."),
        ("cp1251", "Съешь ещё этих мягких французских булок, да выпей чаю."),
        ("cp1253", "Αυτό είναι ένα ελληνικό κείμενο για τη δοκιμή."),
        ("shift_jis", "これは日本語の文書です。ランプにはボルトが七本必要です。"),
        ("euc_jp", "これは日本語の文書です。ランプにはボルトが七本必要です。"),
        ("gb18030", "这是一个中文文档。这盏灯需要七个螺栓。请用干布擦拭。"),
        ("euc_kr", "이것은 한국어 문서입니다. 램프에는 볼트 일곱 개가 필요합니다."),
    ],
)
def test_old_encodings_are_detected(encoding: str, text: str) -> None:
    assert parsed("text", text.encode(encoding)).text == text


def test_text_cut_inside_a_character_stays_unicode() -> None:
    cut = GERMAN.encode()[: GERMAN.encode().rindex("ü".encode()) + 1]
    assert parsed("text", cut).text == GERMAN[: GERMAN.rindex("ü")] + "\ufffd"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_unicode_encodings_are_read_with_and_without_their_mark(encoding: str) -> None:
    assert parsed("text", GERMAN.encode(encoding)).text == GERMAN


def test_csv_rows_become_paragraphs_that_name_their_columns() -> None:
    data = 'name;price;note\nlamp;12,5;\n"sh;ade";3;"two\nlines"\n'
    text = parsed("csv", data.encode("cp1252")).text
    assert text == "name: lamp\nprice: 12,5\n\nname: sh;ade\nprice: 3\nnote: two lines"
    assert parsed("csv", b"1,2\n3,4\n").text == "1\n2\n\n3\n4"
    assert parsed("csv", b"a\tb\nx\ty\n").text == "a: x\nb: y"


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
    document = parse_record(json.dumps(record).encode())
    assert (document.title, document.text, document.metadata) == ("T", "body", {"year": 2011})


@pytest.mark.parametrize(
    ("format", "data", "reason"),
    [
        ("pdf", b"%PDF-1.4 nothing", "damaged"),
        ("pdf", b"", "0 bytes"),
        ("pdf", b"just words", "named like a PDF"),
        ("docx", b"just words", "named like a Word file"),
        ("pdf", pdf([["text " * 9] * 20])[:900], "damaged"),
        ("pdf", encrypted_pdf("secret"), "encrypted"),
        ("pdf", pdf([[], []]), "2 pages, probably scanned"),
        ("html", b"<html><body></body></html>", "no text"),
        ("text", b" \n\t ", "no text"),
        ("markdown", b"", "0 bytes"),
        ("text", b"\x89PNG\r\n\x1a\n" + bytes(99), "PNG image"),
        ("text", bytes(range(256)) * 9, "binary"),
        ("html", bytes(range(256)) * 9, "binary"),
        ("text", codecs.BOM_UTF16_LE + b"\x00\xd8a", "begins like utf-16"),
        ("csv", b"\x1f\x8b" + bytes(99), "gzip"),
    ],
)
def test_file_without_usable_text_gives_its_reason(
    format: Format, data: bytes, reason: str
) -> None:
    with pytest.raises(ParseError, match=reason):
        parsed(format, data)


@given(
    st.binary(max_size=300),
    st.sampled_from(["markdown", "text", "html", "pdf", "csv", "docx", "pptx", "xlsx"]),
)
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


@pytest.mark.parametrize("named", ["text", "markdown", "html", "csv", "docx"])
def test_pdf_is_parsed_as_one_whatever_its_name(named: Format) -> None:
    document = parsed(named, pdf([["The lamp draws 12 watts."]], "Spec"))
    assert (document.title, document.text) == ("Spec", "The lamp draws 12 watts.")


@pytest.mark.parametrize("named", ["text", "markdown", "csv", "pdf", "xlsx"])
def test_html_is_parsed_as_one_whatever_its_name(named: Format) -> None:
    page = f"<?xml version='1.0'?>\n<!-- saved -->\n<!DOCTYPE html>{PAGE}"
    assert parsed(named, page.encode()).title == "Warranty"


def test_markdown_that_speaks_of_formats_stays_markdown() -> None:
    text = "# PDF\n\nFiles begin with %PDF-1.4, pages with <!DOCTYPE html>.\n\n<b>So there.</b>"
    assert parsed("markdown", text.encode()).text == text


def test_random_bytes_are_never_text() -> None:
    with pytest.raises(ParseError, match="binary"):
        parsed("text", b"M" + os.urandom(20_000))


@pytest.mark.slow
def test_pdf_of_500_pages_keeps_every_page() -> None:
    document = parsed("pdf", pdf([[f"This is page {n} of the manual."] for n in range(1, 501)]))
    assert [number for number, _ in document.pages] == list(range(1, 501))
    assert all(
        document.text[start:].startswith(f"This is page {number} of")
        for number, start in document.pages
    )


@pytest.mark.slow
@pytest.mark.parametrize("dataset_folder", ["raft_sample_docs"], indirect=True)
@pytest.mark.parametrize(
    ("name", "named", "pages", "holds"),
    [
        ("UC_Berkeley_short.pdf", "pdf", 5, "University of California, Berkeley"),
        ("United_States_PDF.pdf", "pdf", 20, "United States"),
        ("blog.txt", "text", 0, "domain-specific"),
    ],
)
def test_real_documents_are_read_whole(
    dataset_folder: Path, name: str, named: Format, pages: int, holds: str
) -> None:
    document = parsed(named, (dataset_folder / "files" / name).read_bytes())
    assert len(document.pages) == pages
    assert holds in document.text
    assert "<div" not in document.text
    assert unicodedata.is_normalized("NFC", document.text)
