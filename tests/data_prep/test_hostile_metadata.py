"""What a file says of itself is plain, small and on one line, whatever stands in it."""

# ruff: noqa: E501  whole documents

import json
import time
from typing import Any

import pytest

from data_prep.documents.formats.kinds import Format
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.parse import parse_bytes

_BODY = "# Pump\n\nIt has 7 bolts."
_BOMB = "\n".join(
    [
        "a: &a [x, x, x, x]",
        *(f"{b}: &{b} [*{a}, *{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    ]
)


@pytest.mark.parametrize(
    "front",
    [
        _BOMB, "a: !!binary aGk=", "a: !!set {x, y}", "? [a, b]\n: c", "date: 99999-01-01", "date: 2024-99-99",
        "a: .nan\nb: .inf\nc: -.inf", "__proto__: {admin: true}", "a: !!python/object/apply:os.system [ls]",
        "a: " + "9" * 5000, "a: " + "[" * 5000, 'a: "\\ud800"', 'title: "a\\nb\\0\\x1b[31m\\ud800"', "a: *a",
        "a: " + "x" * 60_000, "\n".join(f"k{n}: v" for n in range(5000)), "a: b: c", "- a\n- b", "1: 2\ntrue: 3\nnull: 4",
    ],
)  # fmt: skip
def test_front_matter_of_any_kind_leaves_text_and_plain_metadata(front: str) -> None:
    found = parse_bytes(f"---\n{front}\n---\n{_BODY}".encode(), "markdown")
    assert _BODY in found.text
    _is_plain(found)


@pytest.mark.parametrize(
    "front", ['{"a": NaN, "b": 1e999, "c": "\\ud800"}', json.dumps({"a": ["x" * 100] * 20_000}), '{"title": "a\\nb"}']
)  # fmt: skip
def test_front_matter_of_json_is_bounded(front: str) -> None:
    _is_plain(parse_bytes(f"{front}\n\n{_BODY}".encode(), "markdown"))


@pytest.mark.parametrize(
    "front",
    [
        "---\na: " + "[" * 60_000 + "\n---",
        "---\na: " + "{" * 60_000 + "\n---",
        "+++\na" + ".a" * 30_000 + " = 1\n+++",
    ],
)
def test_front_matter_nested_without_end_is_refused_at_once(front: str) -> None:
    started = time.process_time()
    found = parse_bytes(f"{front}\n{_BODY}".encode(), "markdown")
    assert time.process_time() - started < 2
    assert [notice.kind for notice in found.notices] == ["unreadable front matter"]
    assert _BODY in found.text


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("asciidoc", ":author: " + "x" * 50_000 + "\n\n= Pump\n\ntext"),
        ("org", "#+AUTHOR: " + "x" * 50_000 + "\n* Pump\ntext"),
        ("rst", ":Author: " + "x" * 50_000 + "\n\ntext"),
        ("latex", "\\title{P}\\author{" + "x" * 50_000 + "}\\begin{document}text\\end{document}"),
        ("mail", "From: a@x.org\nTo: " + "a@x.org, " * 20_000 + "\nSubject: P\n\ntext"),
        ("mail", "From: a@x.org\nDate: Mon, 06 May 99999999999999999999 10:00:00 +9999999999\nSubject: P\n\ntext"),
        ("mail", "From: a@x.org\nContent-Type: text/plain; charset=idna\n\n" + "text " * 100),
        ("html", "<title>a\nb" + "x" * 9000 + "</title><meta name=author content='" + "x" * 50_000 + "'><p>text"),
        ("man", '.TH P "' + "1" * 50_000 + '"\n.SH NAME\ntext'),
    ],
)  # fmt: skip
def test_metadata_of_any_format_is_bounded(format: Format, data: str) -> None:
    _is_plain(parse_bytes(data.encode(), format))


def test_what_is_not_kept_is_told_by_name() -> None:
    found = parse_bytes(f"---\ntags: [a]\nnote: {'x' * 400}\n---\n{_BODY}".encode(), "markdown")
    assert dict(found.metadata) == {"tags": ["a"]}
    assert [notice.kind for notice in found.notices] == ["metadata left out"]
    assert "note (text of more than 300 characters)" in found.notices[0].text


def test_reason_that_quotes_a_file_is_one_line() -> None:
    assert str(ParseError("bad\0 name\n\x1b[31m \ud800")) == "bad name [31m \ufffd"


def _is_plain(found: Parsed) -> None:
    whole: Any = dict(found.metadata)
    assert len(json.dumps(whole, allow_nan=False, ensure_ascii=False).encode()) <= 32_000
    assert found.title.isprintable()
    for notice in found.notices:
        assert notice.text.isprintable()
        assert len(notice.text) <= 1000
