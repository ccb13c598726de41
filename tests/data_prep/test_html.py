"""HTML arrives whole: words, headings, lists, tables and code as a reader sees them."""

import pytest

from data_prep.documents.formats.html.page import parse_html
from data_prep.documents.formats.parsed import Parsed


def page(body: str, head: str = "") -> Parsed:
    return parse_html(
        f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>".encode()
    )


def blocks(body: str) -> list[str]:
    return page(body).text.split("\n\n")


def headings(body: str) -> list[str]:
    return [block for block in blocks(body) if block.startswith("#")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<h1>Pump</h1><h3>Seals</h3>", ["# Pump", "### Seals"]),
        ("<h2 class=title><a id=x></a>4.1. Queues</h2>", ["## 4.1. Queues"]),
        (
            "<div class=titlepage><div><div><h2>1.\nOne</h2></div></div></div><p>text</p>",
            ["## 1. One"],
        ),
        ("<h2><a class=header href=#a>Linked</a></h2>", ["## Linked"]),
        ("<h2><span class=n>2</span> <code>run()</code></h2>", ["## 2 run()"]),
        ('<div role=heading aria-level=3>Spoken</div><p>text</p>', ["### Spoken"]),
        ("<h2>Over<br>two lines</h2>", ["## Over two lines"]),
        ("<h2><div>Boxed</div></h2><p>text</p>", ["## Boxed"]),
        ("<h2>Open<p>text goes on</p>", ["## Open"]),
        ("<h2></h2><h2> &nbsp; </h2><p>text</p>", []),
        ("<h2 class=memtitle><span class=permalink><a href=#a>◆&nbsp;</a></span>run()</h2>x", ["### run()"]),
        ("<div class=headertitle><div class=title>Pump Class</div></div><p>text</p>", ["# Pump Class"]),
        ("<ul><li><h3>In a list</h3><p>text</p></li></ul>", ["### In a list"]),
    ],
)  # fmt: skip
def test_heading_of_any_generator_is_a_heading(body: str, expected: list[str]) -> None:
    assert headings(body) == expected


@pytest.mark.parametrize(
    "sign",
    [
        '<a class="headerlink" href="#a" title="Link to this heading">¶</a>',
        '<a class="anchor" href="#a">#</a>',
        '<a href="#a" class="anchor">§</a>',
        '<a href="#a">🔗</a>',
        '<a class="hash-link" href="#a" title="Direct link to Limits">\u200b</a>',
        '<a class="anchor" href="#a"></a>',
        '<a class="header-anchor" href="#a" aria-hidden="true">#</a>',
        '<a class="permalink" href="#a">Link to this heading</a>',
        '<span class="mw-editsection">[<a href="/edit">edit</a>]</span>',
        '<button>Copy item path</button>',
    ],
)  # fmt: skip
def test_permalink_sign_is_no_part_of_a_heading(sign: str) -> None:
    assert headings(f"<h2 id=a>Limits{sign}</h2><p>Ten.</p>") == ["## Limits"]


def test_heading_that_ends_in_a_sign_keeps_it() -> None:
    assert headings("<h2>Programming in C#</h2><p>x</p>") == ["## Programming in C#"]


def test_source_line_ends_mean_nothing_and_inline_elements_do_not_split() -> None:
    body = (
        "<p>It carries <em>eight\nhundred</em>\n  kilograms,\tif <code>UP</code> is\n<b>on</b>.</p>"
    )
    assert blocks(body) == ["It carries eight hundred kilograms, if UP is on."]


def test_line_break_stays_in_its_paragraph_and_two_begin_another() -> None:
    assert blocks("<p>Main Street 1<br>\n12345 Town</p>") == ["Main Street 1\n12345 Town"]
    assert blocks("First part.<br><br/>Second part.") == ["First part.", "Second part."]


def test_blocks_of_any_kind_are_set_apart() -> None:
    body = "<div>a<div>b</div>c</div><section>d</section><details><summary>e</summary>f</details>"
    assert blocks(body) == ["a", "b", "c", "d", "e", "f"]


def test_signs_for_the_browser_are_read_as_it_does() -> None:
    text = (
        "Instru&shy;ment,&nbsp;10&nbsp;m, a&#8203;b &amp; &lt;c&gt; &eacute; <q>said</q> an<wbr>d"
    )
    assert blocks(f"<p>{text}</p>") == ["Instrument, 10 m, ab & <c> é “said” and"]


def test_lists_keep_their_marks_and_their_depth() -> None:
    body = """<ol start=3><li>Three<ul><li>inner\none</li><li>two</li></ul></li><li value=9>Nine</li></ol>
    <ol type=a><li>A<li>B</ol><ul><li><p>First.</p><p>More.</p></li></ul>"""
    assert blocks(body) == [
        "3. Three", "   - inner one", "   - two", "9. Nine", "a. A", "b. B", "- First.", "  More.",
    ]  # fmt: skip


def test_terms_stand_with_their_definitions() -> None:
    body = "<dl><dt>-v</dt><dt>--verbose</dt><dd><p>Say\nmore.</p><p>Twice.</p></dd><dt>-q<dd>Less.</dl>"
    assert blocks(body) == ["-v\n--verbose\nSay more.", "Twice.", "-q\nLess."]


def test_code_is_kept_to_the_character() -> None:
    code = "def f(x):\n\n    if x:\n\treturn `x`  # a  b\n"
    shown = code.replace("if", "<span class='k'>if</span>").replace("\n\n", "\n<br>")
    assert page(f"<p>Run:</p><pre>\n{shown}</pre>").text == f"Run:\n\n```\n{code.rstrip()}\n```"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<pre>  a\n   b</pre>", "  a\n   b"),
        ("<pre><div class=line>a</div><div class=line>  b</div></pre>", "a\n  b"),
        ("<pre>a<br>  b<br/>c</pre>", "a\n  b\nc"),
        ("<pre><span class=linenos>1</span>a\n<span class=linenos>2</span> b</pre>", "a\n b"),
        (
            "<table class=highlighttable><tr><td class=linenos><div><pre>1\n2</pre></div></td>"
            "<td class=code><div><pre>a\n b</pre></div></td></tr></table>",
            "a\n b",
        ),
        ("<div class=fragment><div class=line>a</div><div class=line>&#160; b</div></div>", "a\n  b"),
        ("<ul><li><pre>a:\n  - b</pre></li></ul>", "a:\n  - b"),
        ("<pre><code>a\n\n\n  b\n</code></pre>", "a\n\n\n  b"),
        ("<pre>&lt;p&gt;\n &amp;</pre>", "<p>\n &"),
    ],
)  # fmt: skip
def test_code_of_any_generator_is_in_one_fence(body: str, code: str) -> None:
    assert page(body).text == f"```\n{code}\n```"


def test_fence_is_longer_than_any_in_the_code() -> None:
    assert page("<pre>````\nx\n````</pre>").text == "`````\n````\nx\n````\n`````"


def test_text_that_looks_like_markdown_is_no_structure() -> None:
    text = page("<p># apt install</p><p>a<br>---</p><p>```</p>").text
    assert not [line for line in text.split("\n") if line.startswith(("# ", "---", "```"))]
    assert all(words in text for words in ("# apt install", "---", "```"))


def test_heading_inside_preformatted_text_is_a_heading() -> None:
    assert blocks("<pre>one\n<h2>NAME</h2>  two</pre>") == [
        "```\none\n```",
        "## NAME",
        "```\n  two\n```",
    ]


def test_rows_of_a_table_name_their_columns() -> None:
    body = """<table><caption>Prices</caption><thead><tr><th rowspan=2>Item<th colspan=2>Euro</tr>
    <tr><th>net<th>gross</tr></thead><tr><td rowspan=2>Lamp<td>10<td>12</tr><tr><td>11<td>13</tr>
    <tr><th colspan=3>Spare parts</th></tr><tr><td>Bolt\n M4<td colspan=2>on request</tr></table>"""
    assert blocks(body) == [
        "Prices",
        "Item: Lamp\nEuro net: 10\nEuro gross: 12",
        "Item: Lamp\nEuro net: 11\nEuro gross: 13",
        "Spare parts",
        "Item: Bolt M4\nEuro net: on request\nEuro gross: on request",
    ]


def test_table_that_names_its_rows_pairs_them() -> None:
    body = "<table><tr><th>Weight<td>3 kg</tr><tr><th>Power<td>12 W</tr></table>"
    assert blocks(body) == ["Weight: 3 kg", "Power: 12 W"]
    body = "<table><tr><td><th>2022<th>2023</tr><tr><th>North<td>1<td>2</tr></table>"
    assert blocks(body) == ["North\n2022: 1\n2023: 2"]


def test_bold_first_row_names_columns_where_nothing_else_does() -> None:
    body = "<table><tr><td><b>Code</b><td><b>Use</b></tr><tr><td>E1<td>none</tr></table>"
    assert blocks(body) == ["Code: E1\nUse: none"]


@pytest.mark.parametrize(
    "body",
    [
        "<table role=presentation><tr><td>{a}<td>{b}</tr></table>",
        "<table><tr><td>{a}{b}</tr></table>",
        "<table><tr><td><table><tr><td>{a}</td></tr></table><td>{b}</tr></table>",
        "<table><tr><td><h2>Head</h2>{a}<td>{b}</tr></table>",
    ],
)
def test_table_that_places_blocks_is_read_as_blocks(body: str) -> None:
    found = blocks(body.format(a="<p>One.</p>", b="<ul><li>Two.</ul>"))
    assert "One." in found
    assert "- Two." in found


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp>字</ruby>を読む", "漢字を読む"),
        ("10<sup>3</sup> m<sup>2</sup>", "10³ m²"),
        ("H<sub>2</sub>O", "H2O"),
        ('Said<sup><a href="#fn1">1</a></sup> he', "Said[1] he"),
        ('<math alttext="x^2"><mi>x</mi><mn>2</mn></math>', "x^2"),
        ("See <img src=a.png alt='the red valve'> here", "See the red valve here"),
        ("See <img src=a.png alt='a.png'> here", "See here"),
    ],
)
def test_inline_elements_that_are_more_than_text(body: str, text: str) -> None:
    assert page(f"<p>{body}</p>").text == text
