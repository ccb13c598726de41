"""Markdown: titles and front matter as readers mean them, pictures in text, headings by CommonMark."""

import base64
import json
import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.formats.parsed import Parsed
from data_prep.documents.formats.plain.binary_data import without_binary_data
from data_prep.documents.formats.plain.headings import first_heading
from data_prep.documents.formats.plain.inline import strip_inline
from data_prep.documents.parse import parse_bytes

CASES = Path(__file__).parents[3] / "shared" / "cases" / "documents"
PICTURE = base64.b64encode(random.Random(7).randbytes(30_000)).decode()


def markdown(text: str) -> Parsed:
    return parse_bytes(text.encode(), "markdown")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\nname: x\n---\n\nText above.\n\n# Valves", "Valves"),
        ("---\n---\n# Valves\n\ntext", "Valves"),
        ("intro\n\n~~~\n# no heading\n~~~\n\n## Valves", "Valves"),
        ("````\n```\n# no heading\n````\n# Valves", "Valves"),
        ("<!-- # no heading -->\n# Valves", "Valves"),
        ("<!--\n# no heading\n\n# nor this\n-->\n# Valves", "Valves"),
        ("text\n\n    # no heading\n\n# Valves", "Valves"),
        ("#no heading\n\n#hashtag\n\n# Valves", "Valves"),
        ("Valves and\npipes\n=====\n\ntext", "Valves and pipes"),
        ("Valves\n---\n\ntext", "Valves"),
        ("text\n\n---\n\ntext\n\n# Valves", "Valves"),
        ("- item\n---\n\n# Valves", "Valves"),
        ("> quote\n---\n\n# Valves", "Valves"),
        ("a | b\n--- | ---\n1 | 2\n\n# Valves", "Valves"),
        ("# **Valves** and [pipes](http://x.y/(z)) `v2` {#valves .big}", "Valves and pipes v2"),
        ("# Valves ##", "Valves"),
        ("# C#", "C#"),
        ("# snake_case_name and *stars*", "snake_case_name and stars"),
        ("# ![logo](a.png) Valves &amp; pipes\n", "logo Valves & pipes"),
        ("# [![build](b.svg)](http://ci)\n\n# Valves", "build"),
        ('<h1 align="center">\n  <img src="x.png">\n  Valves\n</h1>\n\ntext', "Valves"),
        ("<h2>Valves</h2>", "Valves"),
        ("#\n\n# Valves", "Valves"),
        ("no heading at all", ""),
        ("`<!--` opens a comment\n\n# Valves", "Valves"),
        ("text <!-- never closed\n\n# Valves", "Valves"),
    ],
)
def test_title_is_the_first_heading_that_readers_see(text: str, title: str) -> None:
    assert markdown(text).title == title


@pytest.mark.parametrize(
    ("front", "metadata"),
    [
        ("---\ntitle: T\ndate: 2026-03-02\n---\n", {"title": "T", "date": "2026-03-02"}),
        ("---\ntitle: T\ntags: [a, b]\nby:\n  name: N\n...\n", {"title": "T", "tags": ["a",
        "b"], "by": {"name": "N"}}),
        ("---\n# made by a program\ntitle: T\nweight: 3\ndraft: no\n---\n", {"title": "T", "weight": 3,
        "draft": False}),
        ("---\r\ntitle: T\r\n---\r\n", {"title": "T"}),
        ('+++\ntitle = "T"\nwhen = 2026-03-02T10:00:00Z\n[who]\nname = "N"\n+++\n',
         {"title": "T", "when": "2026-03-02T10:00:00+00:00", "who": {"name": "N"}}),
        ('{"title": "T", "tags": ["a"]}\n', {"title": "T", "tags": ["a"]}),
        ("\ufeff---\ntitle: T\n---\n", {"title": "T"}),
    ],
)  # fmt: skip
def test_front_matter_is_metadata_and_no_text(front: str, metadata: dict[str, object]) -> None:
    document = markdown(f"{front}\nKeys live for ninety days.\n\n## Before\n\nmore")
    assert document.metadata == metadata == json.loads(json.dumps(document.metadata))
    assert document.title == "T"
    assert document.text == "Keys live for ninety days.\n\n## Before\n\nmore"


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: [broken\n---\n\nKeys live long.",
        "+++\ntitle = broken\n+++\n\nKeys live long.",
        "---\na: &a [x, x]\nb: *a\n---\n\nKeys live long.",
    ],
)
def test_front_matter_that_cannot_be_read_stays_and_is_told(text: str) -> None:
    document = markdown(text)
    assert "broken" in document.text or "&a" in document.text
    assert [notice.kind for notice in document.notices] == ["unreadable front matter"]


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nSome words between rules.\n\n---\n\nMore words.",
        "---\nno key here\n---\nMore words.",
        "{braces} begin this.\n\nMore words.",
        "--- dashes\nMore words.",
        '{"a": 1} is a JSON object. More words.',
    ],
)
def test_text_that_only_looks_like_front_matter_stays(text: str) -> None:
    document = markdown(text)
    assert not document.metadata
    assert "More words." in document.text
    assert text.split()[1] in document.text


def test_headings_of_every_kind_become_hash_lines_and_code_stays() -> None:
    text = "One\n===\n\nTwo\n---\n\n<h3>Three</h3>\n\n```\nFour\n===\n```\n"
    shown = markdown(text).text.split("\n")
    assert [line for line in shown if line.startswith("#")] == ["# One", "## Two", "### Three"]
    assert "Four\n===" in "\n".join(shown)


@pytest.mark.parametrize(
    "text",
    [
        f"![the red button](data:image/png;base64,{PICTURE})",
        f'![the red button](data:image/png;base64,{PICTURE} "hint")',
        f"![the red button](<data:image/png;base64,{PICTURE}>)",
        f'<img src="data:image/png;base64,{PICTURE}" alt="the red button">',
        f"<IMG ALT='the red button' class=x SRC='data:image/jpeg;base64,{PICTURE}'/>",
        f"![the red button][image1]\n\n[image1]: <data:image/png;base64,{PICTURE}>",
        f"![the red button][]\n\n[the red button]: data:image/png;base64,{PICTURE}",
    ],
)
def test_picture_inside_the_text_leaves_its_words_alone(text: str) -> None:
    document = markdown(f"# Stop\n\nPress it.\n\n{text}\n\nThen wait.")
    assert " ".join(document.text.split()) == "# Stop Press it. the red button Then wait."
    assert [notice.kind for notice in document.notices] == ["pictures without text"]


@pytest.mark.parametrize("width", [0, 64, 76])
def test_binary_data_in_text_is_left_out_and_told(width: int) -> None:
    data = (
        PICTURE
        if not width
        else "\n".join(PICTURE[at : at + width] for at in range(0, len(PICTURE), width))
    )
    document = parse_bytes(f"Before it.\n{data}\nAfter it.".encode(), "text")
    assert document.text.split() == ["Before", "it.", "After", "it."]
    assert [notice.kind for notice in document.notices] == ["binary data"]


@pytest.mark.parametrize(
    "text",
    [
        "灯需要七个螺栓" * 1000, "ACGT" * 2000, "-" * 5000, "=" * 5000, "function(a){return b[c];}" * 300,
        "\n".join(["a" * 70] * 100), "\n".join("ACGTTGCA" * 8 for _ in range(100)),
        "supercalifragilistic" * 200,
    ],
)  # fmt: skip
def test_long_text_without_spaces_that_is_no_binary_data_stays(text: str) -> None:
    assert without_binary_data(text) == (text, ())


@given(st.text(max_size=400))
def test_any_text_without_long_runs_has_no_binary_data(text: str) -> None:
    assert without_binary_data(text) == (text, ())


@pytest.mark.parametrize(
    "piece",
    [
        "![",
        "[",
        "<img ",
        "<!-- ",
        "` ",
        "data:a/b;",
        "- ",
        "__a ",
        "*a ",
        "<h1>\n",
        "![x](data: ",
        "[a][b](",
        "=\n",
    ],
)
def test_hostile_markdown_takes_time_by_its_size(piece: str) -> None:
    started = time.process_time()
    markdown("a " + piece * (400_000 // len(piece)))
    assert time.process_time() - started < 5


def test_five_megabytes_of_picture_take_no_time() -> None:
    picture = base64.b64encode(random.Random(7).randbytes(3_750_000)).decode()
    started = time.process_time()
    document = markdown(f"# Stop\n\n![red](data:image/png;base64,{picture})\n\nThen wait.")
    assert time.process_time() - started < 2
    assert document.text == "# Stop\n\nred\n\nThen wait."


def test_mdx_loses_its_program_and_keeps_its_words() -> None:
    source = (
        "import Box from './box'\nimport {\n  A,\n  B,\n} from 'kit';\n\n"
        "export const meta = {\n  a: 1,\n}\n\n"
        '# Press\n\n{/* hidden */}\n\n<Tabs>\n<Tab title="Linux">\n\nRun `a <B> c`.\n\n</Tab>\n</Tabs>\n\n'
        "<Box level={2}>Wear gloves.</Box> 3 < 4\n\n```jsx\nimport x from 'y'\n<Box/>\n```\n"
    )
    text = parse_bytes(source.encode(), "mdx").text
    assert text.split() == (
        [
            "#",
            "Press",
            "Linux",
            "Run",
            "`a",
            "<B>",
            "c`.",
            "Wear",
            "gloves.",
            "3",
            "<",
            "4",
            "```jsx",
            "import",
            "x",
            "from",
            "'y'",
            "<Box/>",
            "```",
        ]
    )


@given(st.text(alphabet="*_`[]()!<>#\\a b{}", max_size=200))
def test_any_heading_is_stripped_without_an_error(text: str) -> None:
    assert strip_inline(text) == " ".join(strip_inline(text).split())


@given(st.text(alphabet="#-=`~<!> \n\tab1.*", max_size=120))
def test_any_markdown_keeps_its_words_outside_of_comments(text: str) -> None:
    if "<" not in text:
        kept = set(markdown(f"x {text}").text.replace("#", " ").split())
        assert {word for word in text.split() if word.isalnum()} <= kept


def test_first_heading_agrees_with_commonmark() -> None:
    library = pytest.importorskip("markdown_it")
    for text in (
        "a\n\n# b",
        "a\n===",
        "```\n# a\n```\n# b",
        "    # a\n\n# b",
        "> # a",
        "* a\n\n  # b\n",
    ):
        tokens = library.MarkdownIt().parse(text)
        tops = [
            tokens[n + 1].content
            for n, t in enumerate(tokens)
            if t.type == "heading_open" and t.level == 0
        ]
        assert first_heading(text) == (tops or [first_heading(text)])[0]


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/cases")
@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("withh1.md", "Retention policy"), ("hugo.md", "Rotating the API keys"),
        ("comment.md", "Backup plan"),
        ("toml.md", "Leave requests"), ("code_first.md", "Installing the agent"),
    ],
)  # fmt: skip
def test_front_matter_cases_have_their_titles(name: str, title: str) -> None:
    document = parse_bytes((CASES / "md-front-matter" / name).read_bytes(), "markdown")
    assert document.title == title
    assert "title:" not in document.text


def test_empty_front_matter_is_no_text() -> None:
    assert markdown("---\n---\n# Valves\n\ntext").text == "# Valves\n\ntext"
    assert markdown("+++\n+++\n# Valves\n").text == "# Valves"


def test_fence_inside_a_list_item_stands_on_its_own() -> None:
    text = "- ```sh\n  # no heading\n    x\n  ```\n\n1. Do:\n\n    ~~~\n    # nor this\n    ~~~\n\n# Valves"
    document = markdown(text)
    assert document.title == "Valves"
    assert "-\n```sh\n# no heading\n  x\n```\n" in document.text
    assert "\n~~~\n# nor this\n~~~\n" in document.text
