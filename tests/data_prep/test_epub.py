"""EPUB books and OpenDocument texts arrive whole, in reading order, and hostile ones are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.formats.kinds import Format
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.parse import parse_bytes
from tests.documents import packed

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
NAV = ' properties="nav"'
DOWN = ' table:number-rows-spanned="2"'
OPEN = "application/vnd.oasis.opendocument.text"
TEXT = (
    'xmlns:office="o" xmlns:text="t" xmlns:table="b" xmlns:draw="d" xmlns:svg="s" xmlns:style="y" '
    'xmlns:dc="c" xmlns:meta="m"'
)


def epub(chapters: dict[str, str], order: list[str] | None = None, **parts: str | bytes) -> bytes:
    """A book of chapters by file name, in their order or in `order`."""
    items = "".join(
        f'<item id="i{at}" href="{name.replace(" ", "%20")}" media-type="application/xhtml+xml"'
        f"{NAV if name == 'nav.xhtml' else ''}/>"
        for at, name in enumerate(chapters)
    )
    places = {name: f"i{at}" for at, name in enumerate(chapters)}
    spine = "".join(f'<itemref idref="{places[name]}"/>' for name in order or chapters)
    about = "<dc:title>Pumps</dc:title><dc:creator>Mia</dc:creator><dc:language>en</dc:language>"
    pages = {f"OPS/{name}": text for name, text in chapters.items() if text}
    return packed({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": f'<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>{about}</metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
        **pages, **parts,
    })  # fmt: skip


def chapter(body: str) -> str:
    return (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head>'
        f"<body>{body}</body></html>"
    )


def odt(body: str, styles: str = "", **parts: str) -> Parsed:
    return parse_bytes(odt_file(body, styles, **parts), "odt")


def odt_file(body: str, styles: str = "", **parts: str) -> bytes:
    return packed({
        "mimetype": OPEN,
        "content.xml": f"<office:document-content {TEXT}><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>",
        **{f"{name}.xml": text for name, text in parts.items()},
    })  # fmt: skip


def test_chapters_are_read_in_the_order_of_the_spine() -> None:
    pages = {
        "b 2.xhtml": chapter("<h1>Two</h1><p>The\nend.</p>"),
        "a.xhtml": chapter('<h1>One<a id="x"/></h1><p>Start.</p><pre>if x:\n    run()</pre>'),
        "nav.xhtml": chapter("<nav><ol><li>One</li></ol></nav>"),
    }
    book = parse_bytes(epub(pages, ["nav.xhtml", "a.xhtml", "b 2.xhtml", "a.xhtml"]), "epub")
    assert book.title == "Pumps"
    assert book.metadata == {"author": "Mia", "language": "en"}
    assert book.text == "# One\n\nStart.\n\n```\nif x:\n    run()\n```\n\n# Two\n\nThe end."
    assert book.markdown


def test_missing_chapters_are_counted() -> None:
    book = parse_bytes(epub({"a.xhtml": chapter("<p>Start.</p>"), "b.xhtml": ""}), "epub")
    assert book.text == "Start."
    assert [notice.text for notice in book.notices] == ["1 of 2 chapters cannot be read"]


@pytest.mark.parametrize("named", ["text", "docx", "odt", "epub"])
def test_book_is_known_by_its_content(named: Format) -> None:
    assert parse_bytes(epub({"a.xhtml": chapter("<p>Start.</p>")}), named).title == "Pumps"
    assert parse_bytes(odt_file("<text:p>Start.</text:p>"), named).text == "Start."


LOCK = '<encryption><CipherReference URI="OPS/a.xhtml"/></encryption>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            epub({"a.xhtml": chapter("x")}, **{"META-INF/encryption.xml": LOCK}),
            "encrypted; remove its copy protection",
        ),
        (packed({"mimetype": "application/epub+zip"}), "no list of its parts"),
        (packed({"mimetype": "application/epub+zip", "META-INF/container.xml": "<"}), "damaged"),
        (epub({"a.xhtml": chapter("<p>x</p>")})[:-30], "damaged or cut off"),
        (epub({"a.xhtml": ""}), "holds no text"),
        (packed({"mimetype": OPEN}), "no content"),
        (packed({"mimetype": OPEN, "content.xml": "<a><b></a>"}), "damaged"),
        (
            packed({"mimetype": OPEN, "META-INF/manifest.xml": "<m><encryption-data/></m>"}),
            "encrypted; remove its password",
        ),
        (
            packed({"mimetype": "application/vnd.oasis.opendocument.graphics"}),
            "OpenDocument graphics",
        ),
        (b"just words", "named like an EPUB book"),
    ],
    ids=lambda found: found if isinstance(found, str) else "",
)
def test_book_that_cannot_be_used_gives_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse_bytes(data, "epub")


@pytest.mark.slow
def test_book_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(ParseError, match=r"ZIP bomb.*513 MiB"):
        parse_bytes(epub({"a.xhtml": "x"}, big=b" " * (513 << 20)), "epub")


def test_entities_of_a_document_are_not_expanded() -> None:
    bomb = (
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    )
    content = f"{bomb}<d {TEXT}><office:body><text:p>one &b; &f; two</text:p></office:body></d>"
    data = packed({"mimetype": OPEN, "content.xml": content})
    text = parse_bytes(data, "odt").text
    assert "root:" not in text
    assert text.startswith("one")


def test_opendocument_keeps_headings_lists_notes_and_blanks() -> None:
    styles = (
        '<text:list-style style:name="N"><text:list-level-style-number text:level="1" style:num-format="a"/>'
        '<text:list-level-style-bullet/></text:list-style><style:style style:name="P1" '
        'style:parent-style-name="Title"/><style:style style:name="P2" style:parent-style-name='
        '"Preformatted_20_Text"/>'
    )
    item = "<text:list-item><text:p>{}</text:p>{}</text:list-item>"
    inner = f"<text:list>{item.format('in', '')}</text:list>"
    note = (
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>See B.</text:p>"
        "</text:note-body></text:note>"
    )
    body = (
        '<text:p text:style-name="P1">Manual</text:p><text:h text:outline-level="2">One<text:s/>'
        f"<text:span>bis</text:span></text:h><text:p>As\nsaid{note}, <text:tab/>so.<text:line-break/>End."
        "</text:p>"
        f'<text:list text:style-name="N">{item.format("x", inner)}{item.format("y", "")}</text:list>'
        '<text:p text:style-name="P2">if x:<text:line-break/><text:s text:c="4"/>run()</text:p>'
        "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        "<text:table-of-content><text:p>One ... 3</text:p></text:table-of-content>"
    )
    assert odt(body, styles).text.split("\n\n") == [
        "# Manual", "## One bis", "As said[1], so.\nEnd.", "a. x", "   - in", "b. y",
        "```\nif x:\n    run()\n```", "[1] See B.",
    ]  # fmt: skip


def test_opendocument_rows_name_their_columns() -> None:
    cell = "<table:table-cell{}><text:p>{}</text:p></table:table-cell>"
    head = "".join(cell.format("", name) for name in ("Floor", "Room"))
    rows = (
        f"<table:table-row>{cell.format(DOWN, 'First')}{cell.format('', 'Den')}"
        f"</table:table-row><table:table-row><table:covered-table-cell/>{cell.format('', 'Bar')}"
        "</table:table-row>"
    )
    table = (
        f"<table:table><table:table-header-rows><table:table-row>{head}</table:table-row>"
        f"</table:table-header-rows>{rows}</table:table>"
    )
    assert odt(table).text == "Floor: First\nRoom: Den\n\nFloor: First\nRoom: Bar"


def test_picture_of_an_opendocument_gives_its_description_or_a_notice() -> None:
    described = (
        "<text:p><draw:frame><draw:image/><svg:desc>A red valve</svg:desc></draw:frame></text:p>"
    )
    bare = "<text:p><draw:frame><draw:image/></draw:frame>text</text:p>"
    box = "<text:p><draw:frame><draw:text-box><text:p>Boxed</text:p></draw:text-box></draw:frame></text:p>"
    document = odt(described + bare + box)
    assert document.text == "A red valve\n\ntext\n\nBoxed"
    assert [notice.kind for notice in document.notices] == ["pictures without text"]


@given(st.integers(0, 900), st.binary(min_size=1, max_size=6), st.booleans())
def test_damaged_book_is_refused_or_read(at: int, noise: bytes, book: bool) -> None:
    whole = (
        epub({"a.xhtml": chapter("<p>Start.</p>")}) if book else odt_file("<text:p>Start.</text:p>")
    )
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    try:
        text = parse_bytes(damaged, "epub").text
    except ParseError:
        return
    assert text == "Start." or not damaged.startswith(b"PK")
