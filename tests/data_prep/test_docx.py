"""Word files arrive whole: headings, lists, tables, notes and boxes as a reader of the page sees them."""

import io
import zipfile
from pathlib import Path

import pytest

from data_prep.documents.formats.office.word import parse_docx
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.parse import parse_bytes
from tests.documents import packed

CASES = Path("../shared/cases/documents")
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
MORE = (
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
STYLES = """<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="House"><w:name w:val="House heading"/><w:basedOn w:val="berschrift1"/></w:style>
<w:style w:styleId="Outline"><w:name w:val="Mine"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
<w:style w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:styleId="C"><w:name w:val="HTML Preformatted"/></w:style>
<w:style w:styleId="toc"><w:name w:val="toc 1"/></w:style>
<w:style w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style>
<w:style w:styleId="Item"><w:name w:val="List Bullet"/>
<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>"""
NUMBERING = """<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl>
<w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="7"><w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="decimal"/>
<w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>
</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="7"/></w:num>"""


def word(body: str, **parts: str) -> Parsed:
    return parse_docx(word_file(body, **parts))


def word_file(body: str, **parts: str) -> bytes:
    """A Word file with that body, and parts by their names."""
    found = {"styles": STYLES, "numbering": NUMBERING, **parts}
    return packed({
        "[Content_Types].xml": "<Types/>",
        "word/document.xml": f"<w:document {WORD} {MORE}><w:body>{body}</w:body></w:document>",
        **{f"word/{name}.xml": f"<w:{name} {WORD}>{text}</w:{name}>" for name, text in found.items()},
    })  # fmt: skip


def with_part(data: bytes, name: str, text: str) -> bytes:
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(name, text)
    return out.getvalue()


def p(text: str, style: str = "", settings: str = "") -> str:
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{settings}</w:pPr>{r(text)}</w:p>"


def r(text: str, settings: str = "") -> str:
    return f'<w:r><w:rPr>{settings}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def item(text: str, number: int, level: int = 0) -> str:
    return p(text, "", f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')


def row(*cells: str, settings: str = "") -> str:
    inner = "".join(c if c.startswith("<w:tc>") else f"<w:tc>{p(c)}</w:tc>" for c in cells)
    return f"<w:tr><w:trPr>{settings}</w:trPr>{inner}</w:tr>"


def cell(text: str, settings: str) -> str:
    return f"<w:tc><w:tcPr>{settings}</w:tcPr>{p(text)}</w:tc>"


def test_headings_of_any_style_keep_their_levels() -> None:
    body = p("One", "berschrift1") + p("Two", "House") + p("Three", "Outline") + p("text", "Loop")
    assert word(body).text == "# One\n\n# Two\n\n## Three\n\ntext"
    direct = p("Direct", "", '<w:outlineLvl w:val="2"/>')
    assert word(direct + p("x")).text == "### Direct\n\nx"
    assert word(p("No styles", "Heading2") + p("x"), styles="").text == "## No styles\n\nx"


def test_title_stands_above_all_headings() -> None:
    document = word(p("Manual", "Titel") + p("One", "berschrift1"))
    assert (document.title, document.text) == ("Manual", "# Manual\n\n## One")


@pytest.mark.parametrize(
    ("given", "title"),
    [("Pump manual", "Pump manual"), ("Microsoft Word - a.doc", "One"), ("Dokument1", "One"), ("", "One")],
)  # fmt: skip
def test_title_is_that_of_the_properties_where_it_says_something(given: str, title: str) -> None:
    core = f'<c xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{given}</dc:title><dc:creator>Mia</dc:creator></c>'
    data = word_file(p("One", "berschrift1"))
    document = parse_docx(with_part(data, "docProps/core.xml", core))
    assert (document.title, document.metadata) == (title, {"author": "Mia"})


def test_items_have_the_marks_that_a_reader_sees() -> None:
    body = (
        item("a", 1)
        + item("b", 1, 1)
        + item("c", 2)
        + item("d", 2, 1)
        + item("e", 2)
        + p("x", "Item")
    )
    assert word(body).text.split("\n\n") == ["- a", "  - b", "3. c", "   3.a) d", "4. e", "- x"]


def test_numbers_of_headings_are_part_of_them() -> None:
    numbered = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="2"/></w:numPr>'
    body = p("Scope", "berschrift1", numbered) + p("Terms", "berschrift1", numbered)
    assert word(body).text == "# 3. Scope\n\n# 4. Terms"


def test_rows_name_their_columns_by_the_repeated_header_or_the_first_row() -> None:
    head = row("Name", "2024", settings="<w:tblHeader/>")
    assert (
        word(f"<w:tbl>{head}{row('Lamp', '7')}</w:tbl>{p('end')}").text
        == "Name: Lamp\n2024: 7\n\nend"
    )
    table = f"<w:tbl>{row('Level', 'Time', 'Fee')}{row('L0', '1 h', '50 EUR')}</w:tbl>"
    assert word(table).text == "Level: L0\nTime: 1 h\nFee: 50 EUR"


def test_merged_cells_are_in_all_rows_and_columns_that_they_span() -> None:
    head = row("Floor", cell("Rooms", '<w:gridSpan w:val="2"/>'), settings="<w:tblHeader/>")
    body = (
        row(cell("First", '<w:vMerge w:val="restart"/>'), "Attic", "Hall")
        + row(cell("", "<w:vMerge/>"), "Shop", "Bar")
        + row("Second", "Den", "Loft")
    )
    rows = word(f"<w:tbl>{head}{body}</w:tbl>").text.split("\n\n")
    assert [found.split("\n")[0] for found in rows] == [
        "Floor: First",
        "Floor: First",
        "Floor: Second",
    ]
    assert all(word in rows[1] for word in ("Shop", "Bar", "Rooms"))


def test_table_that_places_text_is_read_as_text() -> None:
    inner = f"<w:tbl>{row('a', 'b')}</w:tbl>"
    outer = row("<w:tc>" + p("One") + inner + "</w:tc>", "Two")
    text = word(f"<w:tbl>{outer}</w:tbl>").text
    assert text.startswith("One\n\n")
    assert text.endswith("\n\nTwo")


def test_notes_come_last_with_their_numbers() -> None:
    note = f'<w:footnote w:id="5">{p("See the annex.")}</w:footnote>'
    body = f'<w:p>{r("As said")}<w:r><w:footnoteReference w:id="5"/></w:r>{r(" before.")}</w:p>'
    assert word(body, footnotes=note).text == "As said[1] before.\n\n[1] See the annex."


def test_tracked_changes_remarks_and_codes_of_fields_are_read_as_printed() -> None:
    body = (
        f"<w:p><w:ins>{r('kept ')}</w:ins><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        f"<w:moveFrom>{r('old')}</w:moveFrom><w:moveTo>{r('moved ')}</w:moveTo>{r('ghost', '<w:vanish/>')}"
        '<w:r><w:commentReference w:id="1"/></w:r><w:r><w:instrText>PAGE</w:instrText></w:r>'
        f'<w:fldSimple w:instr="SEQ"><w:r><w:t>7</w:t></w:r></w:fldSimple></w:p>'
        + p("Chapter 1 .... 3", "toc")
    )
    assert word(body).text == "kept moved 7"
    joined = p("First half, ", "", "<w:rPr><w:del/></w:rPr>") + p("second half.")
    assert word(joined).text == "First half, second half."


def test_text_box_is_kept_once() -> None:
    box = f"<w:txbxContent>{p('In the box')}</w:txbxContent>"
    shape = (
        f"<mc:AlternateContent><mc:Choice><w:drawing><wps:txbx>{box}</wps:txbx></w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent>"
    )
    assert word(f"<w:p>{r('Before')}<w:r>{shape}</w:r></w:p>").text == "Before\n\nIn the box"


def test_signs_breaks_raised_digits_and_formulas_are_read() -> None:
    power = r("3", '<w:vertAlign w:val="superscript"/>')
    body = (
        f"<w:p>{r('10')}{power}<w:r><w:br/></w:r>{r('a')}"
        "<w:r><w:noBreakHyphen/></w:r><w:r><w:softHyphen/></w:r><w:r><w:tab/></w:r>"
        f"{r('b')}</w:p><w:p><m:oMath><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r>"
        "</m:den></m:f></m:oMath></w:p>"
    )
    assert word(body).text == "10³\na- b\n\n(a)/(b)"


def test_code_keeps_its_lines_and_blanks() -> None:
    body = p("if x:", "C") + p("    run()", "C") + p("", "C") + p("done()", "C") + p("After.")
    assert word(body).text == "```\nif x:\n    run()\n\ndone()\n```\n\nAfter."


def test_picture_gives_its_description_or_a_notice() -> None:
    described = '<w:r><w:drawing><wp:docPr id="1" descr="A red valve"/><a:blip/></w:drawing></w:r>'
    bare = '<w:r><w:drawing><wp:docPr id="1" name="Picture 1"/><a:blip/></w:drawing></w:r>'
    assert word(f"<w:p>{described}</w:p>").text == "A red valve"
    document = word(f"<w:p>{bare}</w:p>{p('text')}")
    assert document.text == "text"
    assert [notice.kind for notice in document.notices] == ["pictures without text"]
    with pytest.raises(ParseError, match="holds no text: 2 pictures"):
        word(f"<w:p>{bare}</w:p><w:p>{bare}</w:p>")


@pytest.mark.skipif(not CASES.exists(), reason="no shared cases")
def test_reported_table_names_its_columns_in_every_row() -> None:
    data = (CASES / "table-longer-than-a-chunk" / "levels.docx").read_bytes()
    document = parse_bytes(data, "docx")
    rows = document.text.split("\n\n")
    assert rows[0] == "# Service levels"
    assert all(part.startswith("Level: L") and "\nResponse time: " in part for part in rows[2:-1])
    assert any("L54" in part for part in rows)
