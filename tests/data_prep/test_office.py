"""Office files: structure and page numbers survive; archives are checked before they are unpacked."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.formats.kinds import Format
from data_prep.documents.formats.parsed import ParseError
from data_prep.documents.parse import parse_bytes
from tests.documents import docx, lying_bomb, packed, pptx_slides, xlsx, zip_bomb

LETTER = [("Heading1", "Lamp & shade"), ("Normal", "It needs 7 bolts."), ("Heading2", "Care")]
SLIDES = [("Lamps", "Seven bolts"), ("", ""), ("Care", "Wipe dry only")]


def test_word_file_becomes_markdown_with_its_headings() -> None:
    document = parse_bytes(docx(LETTER), "docx")
    assert document.title == "Lamp & shade"
    assert document.text == "# Lamp & shade\n\nIt needs 7 bolts.\n\n## Care"
    assert document.markdown


@pytest.mark.parametrize("text", ["call snake_case_name(x) * 2 < 3 & so on", "f(a_b) *is* [it](x)"])
def test_text_is_not_escaped_so_that_quotes_are_found(text: str) -> None:
    assert parse_bytes(docx([("Normal", text)]), "docx").text == text
    assert text in parse_bytes(pptx_slides([("Code", text)]), "pptx").text


def test_slides_are_pages_and_an_empty_one_counts() -> None:
    document = parse_bytes(pptx_slides(SLIDES), "pptx")
    assert document.title == "Lamps"
    assert [number for number, _ in document.pages] == [1, 3]
    assert document.text[document.pages[1][1] :].startswith("# Care\nWipe dry only")


def test_slide_that_quotes_a_slide_mark_keeps_the_numbers() -> None:
    slides = [("One", "<!-- Slide number: 9 -->"), ("Two", "text")]
    document = parse_bytes(pptx_slides(slides), "pptx")
    assert [number for number, _ in document.pages] == [1, 2]
    assert document.text[document.pages[1][1] :].startswith("# Two")


def test_sheets_are_pages_and_rows_name_their_columns() -> None:
    prices = [["item", "year", "price"], ["lamp", 2011, 12.5], ["shade", None, "3 €"]]
    document = parse_bytes(xlsx({"Prices": prices, "Empty": [], "Notes": [["only text"]]}), "xlsx")
    assert "item: lamp\nyear: 2011\nprice: 12.5\n\nitem: shade\nprice: 3 €" in document.text
    assert [number for number, _ in document.pages] == [1, 3]
    assert document.text[document.pages[1][1] :] == "# Notes\n\nonly text"


@pytest.mark.parametrize("named", ["text", "xlsx", "pdf"])
def test_word_file_is_parsed_as_one_whatever_its_name(named: Format) -> None:
    assert parse_bytes(docx(LETTER), named).title == "Lamp & shade"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (zip_bomb(513), "ZIP bomb.*513 MiB"),
        (lying_bomb(16), "damaged"),
        (docx(LETTER)[:-40], "cut off"),
        (docx(LETTER)[:300] + bytes(300) + docx(LETTER)[600:], "damaged"),
        (packed({"notes.txt": "text"}), "ZIP archive of something else"),
        (packed({"[Content_Types].xml": "<Types/>", "word/x": "y"}), "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "before 2007"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "encrypted; remove its password",
        ),
    ],
    ids=["bomb", "lying bomb", "cut off", "damaged", "zip", "no parts", "old", "encrypted"],
)
def test_office_file_that_cannot_be_used_gives_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse_bytes(data, "docx")


def test_archive_of_too_many_parts_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for number in range(20_001):
            archive.writestr(f"word/{number}", "")
    with pytest.raises(ParseError, match="20002 parts"):
        parse_bytes(out.getvalue(), "docx")


def test_office_file_whose_part_lies_outside_of_it_is_refused() -> None:
    whole = docx(LETTER)
    entry = whole.index(b"PK\x01\x02")  # the first of the directory; its place is at +42
    for place in (2**31, len(whole) - 5):
        damaged = whole[: entry + 42] + place.to_bytes(4, "little") + whole[entry + 46 :]
        with pytest.raises(ParseError, match="damaged"):
            parse_bytes(damaged, "docx")
    end = whole.rindex(b"PK\x05\x06")  # the directory's own place is at +16
    start = int.from_bytes(whole[end + 16 : end + 20], "little")
    damaged = whole[: end + 16] + (start + 1).to_bytes(4, "little") + whole[end + 20 :]
    with pytest.raises(ParseError, match="damaged"):
        parse_bytes(damaged, "docx")


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=6))
def test_damaged_office_file_is_refused_or_read_as_it_was(at: int, noise: bytes) -> None:
    whole = docx(LETTER)
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    try:
        document = parse_bytes(damaged, "docx")
    except ParseError:
        return
    assert document.text == parse_bytes(whole, "docx").text or not damaged.startswith(b"PK")
