"""Pages of HTML: their content, title and encoding are found, and nothing hangs."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.documents.formats.html.page import parse_html
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.parse import parse_bytes

CASES = Path("../shared/cases/documents")
FILLER = "<p>" + "The pump lifts water from the well into the tank above the house. " * 4 + "</p>"


def page(body: str, head: str = "") -> Parsed:
    return parse_html(
        f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>".encode()
    )


def headings(body: str) -> list[str]:
    return [block for block in page(body).text.split("\n\n") if block.startswith("#")]


def test_content_is_kept_and_what_surrounds_it_is_not() -> None:
    around = {
        '<nav><a href="/">Wegweiser</a></nav>': "Wegweiser",
        '<div class="navheader"><a href="x">Prev</a> Chapter</div>': "Prev",
        "<footer>Built with hugo</footer>": "hugo",
        '<div id="cookie-banner"><p>We use cookies. <button>OK</button></p></div>': "cookies",
        '<div class="sidebar"><a href="a">Elsewhere</a></div>': "Elsewhere",
        '<p><a href="edit">Edit this page</a></p>': "Edit",
        '<ul class="breadcrumbs"><li><a href="/">Start</a></li></ul>': "Start",
        '<a class="skip-link" href="#c">Skip to content</a>': "Skip",
        '<form role="search"><label>Look up</label><input></form>': "Look up",
        '<div class="toc"><ul><li><a href="#a">Seals</a></li></ul></div>': "- Seals",
        "<p><a href=a>« Previous</a> | <a href=b>Next »</a></p>": "Previous",
        "<select><option>German</option></select>": "German",
        '<div role="dialog">Subscribe</div>': "Subscribe",
        "<script>var hidden</script><style>.x{}</style><noscript>Turn on</noscript>": "Turn on",
        '<span style="display: none">secret</span><p hidden>also</p>': "secret",
    }
    for inner in ("<main>{}</main>", "<div class=content>{}</div>", "<div>{}</div>", "{}"):
        body = "".join(around) + inner.format(f"<h1>Pump</h1>{FILLER}<h2>Seals</h2>{FILLER}")
        text = page(body).text
        assert [word for word in around.values() if word in text] == []
        assert text.count("The pump lifts water") == 8
        assert "# Pump" in text
        assert "## Seals" in text


@pytest.mark.parametrize(
    "menu",
    [
        "<nav class=sidebar>{}</nav>",
        "<div id=sidebar>{}</div>",
        '<div role="navigation">{}</div>',
        "<div><div class=left-sidebar-wrapper>{}</div></div>",
    ],
)
@pytest.mark.parametrize("inner", ["<main>{}</main>", "<div class=content>{}</div>", "{}"])
def test_menu_longer_than_its_page_is_no_content(menu: str, inner: str) -> None:
    links = "".join(f'<li>{n}. <a href="{n}">Chapter on subject {n}</a></li>' for n in range(200))
    short = "<h1>Input</h1><p>The input is text in UTF-8, and nothing else.</p>"
    text = page(menu.format(f"<ol>{links}</ol>") + inner.format(short)).text
    assert text == "# Input\n\nThe input is text in UTF-8, and nothing else."


@pytest.mark.parametrize("named", ["contents", "toc", "table-of-contents"])
def test_page_that_holds_a_table_of_contents_alone_keeps_it(named: str) -> None:
    rows = "".join(f'<tr><td><a href="{n}">Module {n}</a></td></tr>' for n in "ABCDEFG")
    top = '<div class="top"><p>Project handbook 3.4, survey at example.org/survey</p></div>'
    listed = f"<div class={named}><h2>Description</h2><h2>Modules</h2><table>{rows}</table></div>"
    text = page(f"{top}<h1>Reference</h1>{listed}").text
    assert "## Modules" in text
    assert [n for n in "ABCDEFG" if f"Module {n}" not in text] == []
    assert "Module A" not in page(f"{top}<h1>Reference</h1>{listed}{FILLER}").text


@pytest.mark.parametrize(
    "body",
    [
        "<nav><p>Only this text is here to read.</p></nav>",
        "<div class=sidebar><p>Only this text is here to read.</p></div>",
        "<footer>Only this text is here to read.</footer>",
        "<div id=cookie-consent>Only this text is here to read.</div>",
        "<form action=search>Only this text is here to read.</form>",
    ],
)
def test_only_text_of_a_page_is_kept_whatever_it_is_called(body: str) -> None:
    assert page(body).text == "Only this text is here to read."


def test_chapter_whose_anchor_is_called_like_a_banner_is_kept() -> None:
    body = "".join(
        f"<section id={name}><h2>{name}</h2><p>About {name} of this server.</p></section>"
        for name in ("cookies", "navigation", "search", "footer", "sidebar", "ads", "related")
    )
    assert len(headings(FILLER + body)) == 7


def test_title_above_the_content_is_kept_once() -> None:
    body = f"<div id=header><h1>Manual</h1></div><div id=content><h2>One</h2>{FILLER}</div>"
    assert headings(body) == ["# Manual", "## One"]


def test_page_of_news_is_read_without_what_sells() -> None:
    body = """<div id="onetrust-banner-sdk"><h2>Privacy</h2><p>We use cookies to store information.</p></div>
    <div class="site-header"><a href="/"><img src="logo.png" alt="The News"></a><ul class="menu"><li>
    <a href="/a">Politics</a></li></ul></div><div class="wrap"><div class="story"><h1>Bridge closed</h1>
    <p>The bridge over the river will be closed from Monday.</p><div class="ad-slot">Advertisement</div>
    <blockquote><p>We have no choice.</p><footer>The mayor</footer></blockquote>
    <div class="share-buttons"><a href="x">Share on X</a></div></div><div class="sidebar"><h3>Most read</h3>
    <ul><li><a href="1">Dog saves cat</a></li></ul></div></div><div class="newsletter-signup"><p>Subscribe.
    </p></div><div class="footer"><p>All rights reserved.</p></div>"""
    found = page(body, "<title>Bridge closed | The News</title>")
    assert found.title == "Bridge closed"
    assert found.text.split("\n\n") == [
        "# Bridge closed", "The bridge over the river will be closed from Monday.",
        "We have no choice.", "The mayor",
    ]  # fmt: skip


def test_name_of_the_site_above_the_content_is_no_title() -> None:
    head = "<title>Vectors - The Book</title>"
    for bar in ("<div id=menu-bar><h1>The Book</h1></div>", "<header><h1>The Book</h1></header>"):
        document = page(f"{bar}<main><h2>Vectors</h2>{FILLER}</main>", head)
        assert document.title == "Vectors"
        assert document.text.startswith("## Vectors")


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("Pump - ACME", "Pump", "Pump"),
        ("ACME | Pump", "Pump", "Pump"),
        ("ACME docs — Pump — 2.0", "Pump", "Pump"),
        ("Pump¶", "Pump", "Pump"),
        ("", "Pump", "Pump"),
        ("index.html", "Pump", "Pump"),
        ("Untitled Document", "Pump", "Pump"),
        ("Pump manual", "Overview", "Pump manual"),
        ("Well-known pumps", "", "Well-known pumps"),
    ],
)
def test_title_is_that_of_the_page_without_its_site(
    title: str, heading: str, expected: str
) -> None:
    assert page(f"<h1>{heading}</h1><p>x</p>", f"<title>{title}</title>").title == expected


def test_author_date_and_language_are_metadata() -> None:
    head = '<meta name="author" content="Mia"><meta property="article:published_time" content="2024-05-01">'
    data = f"<html lang=de><head>{head}</head><body>Text</body></html>".encode()
    assert parse_html(data).metadata == {"author": "Mia", "date": "2024-05-01", "language": "de"}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<meta charset=utf-8><p>Größe".encode("cp1252"), "Größe"),
        ("<meta charset=iso-8859-1><p>Größe".encode(), "Größe"),
        ("<meta charset=iso-8859-1><p>“5 €”".encode("cp1252"), "“5 €”"),
        ("<meta charset=shift_jis><p>これは日本語の文書です。".encode("cp932"), "これは日本語の文書です。"),
        ("<?xml version='1.0' encoding='koi8-r'?><p>чаю".encode("koi8-r"), "чаю"),
        ("<meta charset=nonsense><p>Größe".encode(), "Größe"),
        ("<html><p>Größe der Pumpe</p></html>".encode("utf-16"), "Größe der Pumpe"),
    ],
)  # fmt: skip
def test_encoding_is_the_one_that_fits(data: bytes, text: str) -> None:
    assert parse_html(data).text == text


def test_long_page_is_whole_where_it_is_cut_into_pieces() -> None:
    text = page("<p>ランプには&eacute;ボルト<b>が</b>七本</p>" * 5000).text
    assert text == "\n\n".join(["ランプにはéボルトが七本"] * 5000)


def test_xhtml_with_empty_elements_and_prefixes_is_read() -> None:
    data = b"""<?xml version="1.0"?><h:html xmlns:h="http://www.w3.org/1999/xhtml"><h:head>
    <h:title>T</h:title><h:script src="x"/></h:head><h:body><h:p>One<h:a id="x"/> two</h:p><h:p/>
    <h:p>three</h:p></h:body></h:html>"""
    document = parse_html(data)
    assert (document.title, document.text) == ("T", "One two\n\nthree")


@pytest.mark.parametrize(
    "body",
    [
        "<html><frameset><frame src=a><noframes>Your browser</noframes></frameset></html>",
        "<html><head><meta http-equiv=refresh content='0; url=b.html'></head>Moved <a href=b>here</a></html>",
        "<html><body><img src=a.png><script>x</script></body></html>",
    ],
)
def test_page_without_content_holds_no_text(body: str) -> None:
    with pytest.raises(ParseError, match="holds no text"):
        parse_bytes(body.encode(), "html")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("levels", "<div>" * 100_000),
        ("open spans", "<p>a<span>" * 20_000),
        ("lists", "<ul><li>x" * 20_000),
        ("tables", "<table><tr><td>" * 20_000),
        ("end tags", "<div>" * 20_000 + "</p></span>" * 20_000),
        ("picture", "<img src='data:image/png;base64," + "A" * 800_000 + "'>"),
        ("attribute", f"<p title='{'x' * 2_000_000}'>"),
        ("spans", "<table><tr>" + "<td colspan=1000 rowspan=1000>x" * 300 + "<tr><td>y" * 300 + "</table>"),
        ("brackets", "<" * 200_000),
        ("headings", "<h2>x" * 20_000),
    ],
)  # fmt: skip
def test_hostile_page_is_read_in_bounded_time(name: str, body: str) -> None:
    started = time.process_time()
    assert "the very end" in page(f"{body} the very end").text
    assert time.process_time() - started < 20, name


TAGS = [
    "p", "b", "div", "h2", "ul", "table", "pre", "dl", "a", "main", "nav", "sup", "/p", "/b", "/div", "/h2",
    "/ul", "/table", "/pre", "/a", "/nav", "/sup", "li", "tr", "td", "th", "br", "dt", "dd", "!-- --",
]  # fmt: skip


@settings(max_examples=40)
@given(
    st.lists(
        st.sampled_from([*(f"<{tag}>" for tag in TAGS), " ", "\n", "word ", "# x ", "```"]),
        max_size=60,
    )
)
def test_any_soup_of_tags_keeps_its_words(parts: list[str]) -> None:
    body = "".join(f"{part}w{number} " for number, part in enumerate(parts))
    text = page(f"<main>{body}</main>{body}").text
    outside = re.sub(r"```.*?```", "code", text, flags=re.DOTALL)  # code keeps its blank lines
    assert "```" in outside or "\n\n\n" not in outside
    if "<nav>" not in parts:
        assert {f"w{number}" for number in range(len(parts))} <= set(re.findall(r"w\d+", text))


def test_words_of_a_table_outside_its_cells_stand_before_it() -> None:
    body = "<table>loose<tr>between<th>Part<th>Torque<tr><td>bolt<td>3 Nm<tbody>last</table>after"
    text = page(f"<main>{body}</main>").text
    assert text.index("loose") < text.index("Part: bolt\nTorque: 3 Nm") < text.index("after")
    assert "between" in text
    assert "last" in text


@pytest.mark.skipif(not CASES.exists(), reason="no shared cases")
@pytest.mark.parametrize(
    ("name", "title", "holds"),
    [
        ("html-docbook-headings/ch04.html", "Chapter 4. The message broker", "\n### 4.1.2. Priority"),
        ("html-docbook-headings/permalinks.html", "Installing the collector", "\n\n## First start\n\n"),
        ("html-code-indentation/retry.html", "Retry wrapper", "    for n in range(attempts):\n        try:"),
        ("html-wrapped-lines/lift.html", "Lift rules", "Trolleys are secured with the two straps A on"),
        ("table-longer-than-a-chunk/error-codes.html", "Error codes", "Code: E-112\nMeaning: "),
        ("search-by-title/docs/centrifuge.html", "Centrifuge ZX-41", "Close the lid"),
    ],
)  # fmt: skip
def test_reported_page_arrives_whole(name: str, title: str, holds: str) -> None:
    document = parse_bytes((CASES / name).read_bytes(), "html")
    assert document.title == title
    assert holds in document.text
    assert not {"¶", "Prev", "Next"} & set(document.text.split())
