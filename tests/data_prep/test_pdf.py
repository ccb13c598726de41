"""PDFs: their words in the order of reading, and what is told of them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.formats.pdf.document import parse_pdf
from tests.pdf_pages import Sheet, drawn_pdf

CASES = Path("../shared/cases/documents")
PROSE = [
    "The pump takes water from the lower basin and lifts it into the tank on the roof, which",
    "holds two days of supply. When the float falls below its mark, the pump is started by",
    "hand and observed until the tank is full. Nobody leaves the room while it runs.",
]


def text_of(*sheets: Sheet) -> str:
    return parse_pdf(drawn_pdf(sheets)).text


def page_at(document: Parsed, words: str) -> int:
    offset = document.text.index(words)
    return [page for page, start in document.pages if start <= offset][-1]


def test_lines_of_a_paragraph_are_joined_and_a_gap_parts_paragraphs() -> None:
    sheet = Sheet().lines(700, PROSE).lines(640, ["Filters are washed on Mondays."])
    assert text_of(sheet) == " ".join(PROSE) + "\n\nFilters are washed on Mondays."


def test_words_that_are_placed_one_by_one_are_not_glued() -> None:
    sheet = Sheet()
    for at, word in enumerate(["Each", "word", "stands", "alone"]):
        sheet.text(72 + at * 40, 700, word)
    assert text_of(sheet) == "Each word stands alone"


def test_columns_that_are_drawn_row_by_row_are_read_one_after_the_other() -> None:
    left = [
        "Grease the hinge of the",
        "door twice a year, and",
        "wipe off what runs out.",
        "Use no oil.",
    ]
    right = [
        "The lock needs graphite",
        "instead, because grease",
        "collects dust inside the",
        "cylinder of it.",
    ]
    sheet = Sheet().text(
        72, 740, "Care of doors and of all the locks that they have in this house", 18
    )
    for at, (a, b) in enumerate(zip(left, right, strict=True)):
        sheet.row(700 - 14 * at, {72: a, 320: b})
    text = text_of(sheet)
    assert " ".join(left) + "\n\n" + " ".join(right) in text
    assert text.startswith("# Care of doors")


def test_running_heads_and_page_numbers_go_and_the_sentence_runs_over_the_page() -> None:
    sheets = [
        Sheet()
        .text(72, 760, "Harbour Handbook - internal")
        .lines(700, [f"Section {n} says it.", *PROSE[:2], f"so tide {n} goes on and on and on until it"])
        .text(290, 30, f"- {n} -")
        for n in range(1, 5)
    ]  # fmt: skip
    sheets[1].content[1] = sheets[1].content[1].replace("Section 2 says", "meets rock 2 and says")
    document = parse_pdf(drawn_pdf(sheets))
    assert "Harbour Handbook" not in document.text
    assert "- 2 -" not in document.text
    assert "goes on and on and on until it meets rock 2 and says it." in document.text
    assert page_at(document, "meets rock 2") == 2
    assert page_at(document, "Section 3") == 3


def test_headings_that_count_as_pages_do_are_not_taken_for_running_heads() -> None:
    sheets = [Sheet().lines(740, [f"Step {n}", *PROSE]) for n in range(1, 5)]
    text = text_of(*sheets)
    assert all(f"Step {n}" in text for n in range(1, 5))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_page_that_is_only_a_line_is_kept(count: int) -> None:
    text = text_of(*[Sheet().text(72, 740, f"This is page {n}.") for n in range(1, count + 1)])
    assert text.count("This is page") == count


def test_hyphens_of_line_ends_go_and_those_of_the_document_stay() -> None:
    sheet = Sheet().lines(700, [
        "A lint-free cloth is used for the main-", "tenance of the lens and never a com-",
        "mon one, which leaves dust; also a lint-", "free brush will do for the short-",
        "term work.",
    ])  # fmt: skip
    text = text_of(sheet)
    assert "the maintenance of" in text
    assert "a common one" in text
    assert "a lint-free brush" in text
    assert "short-term work" in text


def test_address_over_two_lines_is_joined() -> None:
    line = "Read about it in the archive of the town: https://archive.example.org/harbour/2011/"
    text = text_of(Sheet().lines(700, [line, "tides.html and nowhere else."]))
    assert "https://archive.example.org/harbour/2011/tides.html and" in text


def test_leaders_of_a_table_of_contents_are_dropped() -> None:
    rows = [
        "1 Tides . . . . . . . . . . . . . 7",
        "2 Winds ................. 12",
        "2.1 Gales . . . . . . . . . 13",
    ]
    assert text_of(Sheet().lines(700, rows)) == "1 Tides\n2 Winds\n2.1 Gales"


def test_headings_come_from_the_outline_and_from_larger_type() -> None:
    sheet = Sheet().text(72, 740, "Tides", 11, "F1").lines(710, PROSE)
    other = Sheet().text(72, 740, "Winds of the bay", 18, "F2").lines(700, PROSE)
    marked = parse_pdf(drawn_pdf([sheet, other], bookmarks=[("Tides", 1), ("Winds of the bay", 2)]))
    assert "# Tides\n\nThe pump" in marked.text
    assert "# Winds of the bay\n\nThe pump" in marked.text
    assert "# Winds of the bay\n\nThe pump" in text_of(other)
    assert marked.markdown


def test_heading_at_the_beginning_of_a_line_is_a_heading() -> None:
    sheet = (
        Sheet().text(72, 700, "Floats", font="F2").text(112, 700, "are hollow and show the level.")
    )
    document = parse_pdf(drawn_pdf([sheet], bookmarks=[("Floats", 1)]))
    assert document.text == "# Floats\n\nare hollow and show the level."


def test_footnote_stays_on_its_page_when_a_sentence_runs_over_it() -> None:
    first = Sheet().lines(700, PROSE[:2]).text(72, 60, "1 See the list in the hall.", 7)
    document = parse_pdf(drawn_pdf([first, Sheet().lines(700, PROSE[2:])]))
    assert " ".join(PROSE) in document.text
    assert page_at(document, "See the list") == 1
    assert page_at(document, "hand and observed") == 2


def test_text_that_looks_like_markdown_makes_no_structure() -> None:
    sheet = Sheet().lines(700, ["# 5 is the number of the pump"]).lines(650, ["``` is a fence"])
    lines = text_of(sheet).split("\n")
    assert lines == ["    # 5 is the number of the pump", "", "    ``` is a fence"]


def test_code_keeps_its_lines_and_indentation() -> None:
    sheet = Sheet().lines(740, PROSE)
    for at, (x, line) in enumerate([(72, "def pump():"), (98.4, "if low:"), (124.8, "start()")]):
        sheet.text(x, 680 - 12 * at, line, font="F3")
    sheet.lines(620, PROSE)
    assert "```\ndef pump():\n    if low:\n        start()\n```\n\nThe pump" in text_of(sheet)


def test_values_of_a_form_stand_beside_their_labels() -> None:
    sheet = Sheet().text(72, 700, "Name:").field(150, 696, "name", "Ada Pine")
    sheet.text(72, 660, "Paid").checkbox(150, 660, "paid", True)
    text = text_of(sheet)
    assert "Name: Ada Pine" in text
    assert "Paid [x]" in text


def test_comments_are_read_and_attachments_are_told() -> None:
    sheet = (
        Sheet()
        .lines(700, PROSE)
        .comment("Check the float first.")
        .comment("In red ink", "FreeText")
    )
    document = parse_pdf(drawn_pdf([sheet], attachment="list.csv"))
    assert "Check the float first." in document.text
    assert "In red ink" in document.text
    assert [(n.kind, n.text) for n in document.notices] == [
        ("attached files", "1 attached file is not read: list.csv")
    ]


def test_scanned_pages_are_counted_and_blank_ones_are_not() -> None:
    scan = Sheet().box(50, 50, 400, 600)
    document = parse_pdf(drawn_pdf([Sheet().lines(700, PROSE), scan, Sheet(), scan]))
    [notice] = document.notices
    assert notice.kind == "pages without text"
    assert notice.text.startswith("2 of 4 pages hold no text")
    assert document.metadata == {"pages": 4}


def test_pages_of_control_characters_are_left_out_and_told() -> None:
    garbage = Sheet().lines(700, ["\x01\x02\x03\x04\x05 \x06\x07\x11\x12 \x13\x14\x15"] * 5)
    document = parse_pdf(drawn_pdf([Sheet().lines(700, PROSE), garbage]))
    assert document.text == " ".join(PROSE)
    assert [notice.kind for notice in document.notices] == ["unreadable pages"]
    with pytest.raises(ParseError, match=r"holds no readable text .*run OCR first"):
        parse_pdf(drawn_pdf([garbage]))


def test_salad_of_letters_is_left_out() -> None:
    shift = str.maketrans("abcdefghijklmnopqrstuvwxyz", "defghijklmnopqrstuvwxyzabc")
    salad = Sheet().lines(700, [line.translate(shift) for line in PROSE * 4])
    with pytest.raises(ParseError, match="holds no readable text"):
        parse_pdf(drawn_pdf([salad]))
    assert parse_pdf(drawn_pdf([Sheet().lines(700, PROSE * 4)])).text


@pytest.mark.parametrize(
    ("title", "taken"),
    [
        ("Pumps of the harbour", "Pumps of the harbour"),
        ("untitled", "Rules for the pump"),
        ("Microsoft Word - Dokument1.docx", "Rules for the pump"),
        ("C:\\\\Users\\\\x\\\\a.doc", "Rules for the pump"),
        ("report_final.indd", "Rules for the pump"),
        ("Presentation1", "Rules for the pump"),
    ],
)
def test_title_is_the_largest_line_where_the_document_has_a_placeholder(
    title: str, taken: str
) -> None:
    sheet = Sheet().text(72, 740, "Rules for the pump", 20).lines(700, PROSE)
    assert parse_pdf(drawn_pdf([sheet], title=title)).title == taken


def test_accents_drawn_before_their_letters_are_put_on_them() -> None:
    text = text_of(
        Sheet().lines(700, ["The Universit\xa8at of Osnabr\xa8uck met; it\xb4s not a r\xb4ole."])
    )
    assert text == "The Universität of Osnabrück met; it´s not a róle."


def test_title_is_empty_where_nothing_stands_out() -> None:
    assert parse_pdf(drawn_pdf([Sheet().lines(700, PROSE)], title="untitled")).title == ""


def test_turned_text_does_not_break_sentences() -> None:
    sheet = Sheet().text(72, 700, PROSE[0]).rotated(40, 300, "Draft of May").text(72, 686, PROSE[1])
    text = text_of(sheet)
    assert " ".join(PROSE[:2]) in text
    assert "Draft of May" in text


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["pump", "tide", "rope", "mast", "keel", "Wind", "12"]),
            min_size=1,
            max_size=9,
        ),
        min_size=1,
        max_size=40,
    )
)
def test_no_word_of_a_page_is_lost(lines: list[list[str]]) -> None:
    sheet = Sheet().lines(760, [" ".join(line) for line in lines])
    words = sorted(word for line in lines for word in line)
    assert sorted(text_of(sheet).replace("#", " ").split()) == words


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("pdf-xetex-glued-words/shift.pdf", "The night shift checks the boiler before the plant"),
        ("pdf-xetex-glued-words/shift.pdf", "(p = 7 bar)"),
        ("pdf-two-columns/twocol_interleaved.pdf", "opens at two bar. It must never be painted, because"),
        ("pdf-two-columns/twocol_interleaved.pdf", "The outlet filter holds back sand. Rinse it with"),
        ("pdf-form-values/form.pdf", "Name of the tenant: Olivia Brandt"),
        ("pdf-form-values/form.pdf", "Monthly rent: 1250 EUR"),
        ("pdf-ligatures-and-hyphens/ligature.pdf", "Instrument readings"),
        ("pdf-ligatures-and-hyphens/ligature.pdf", "maintenance"),
        ("pdf-ligatures-and-hyphens/ligature.pdf", "long-term"),
        ("table-longer-than-a-chunk/table.pdf", "Model: PX-245\nPower: 235 W\nWeight: 48 kg\nNoise: "),
    ],
)  # fmt: skip
def test_public_cases_hold_their_text(name: str, held: str) -> None:
    path = CASES / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    assert held in parse_pdf(path.read_bytes()).text
