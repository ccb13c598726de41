"""Addresses in citations are valid URIs and lead back to the file, object or record."""

import json
import os
import re
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.uris import file_uri, fragment, object_uri, path_of, web_uri
from tests.listings import listed

NAMES = (
    "100% sure #1?.md", "space dir/two words.md", "a%20b.md", "R&D;v=1.md", "Größe.md", "a+b.md", "[x]{y}.md",
    "nfc \u00e9.md", "nfd e\u0301.md", "back\\slash.md", 'quote".md', "line\nend.md", "日本.md", "a:b@c.md",
)  # fmt: skip
VALID = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?:[\w.~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-F]{2})*", re.ASCII
)


def test_file_uris_lead_back_to_their_files(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    listing = listed(tmp_path)
    assert {source.doc_id for source in listing.sources} == set(NAMES)
    assert len({source.uri for source in listing.sources}) == len(NAMES)
    for source in listing.sources:
        assert VALID.fullmatch(source.uri)
        assert (
            url2pathname(urlsplit(source.uri).path) == source.path == f"{tmp_path}/{source.doc_id}"
        )
        assert [again.path for again in listed(source.uri).sources] == [source.path]
    assert any(source.uri.endswith("/100%25%20sure%20%231%3F.md") for source in listing.sources)


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_any_path_has_a_uri_that_leads_back(name: str) -> None:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return
    uri = file_uri(f"/{name}")
    assert VALID.fullmatch(uri)
    assert (
        url2pathname(urlsplit(uri).path).encode("utf-8", "replace")
        == f"/{name}".encode("utf-8", "replace")
        or not name.isprintable()
    )


def test_location_that_looks_escaped_and_is_a_name_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a%20b.md").write_text("x")
    assert path_of(f"file://{tmp_path}/a%20b.md") == f"{tmp_path}/a%20b.md"
    assert path_of(f"file://localhost{tmp_path}/c%20d.md") == f"{tmp_path}/c d.md"


@pytest.mark.parametrize("key", ["a b+c.md", "caf\u00e9 #1?.md", "x//y.md", "/lead.md", "100%.md"])
def test_object_uris_lead_back_to_their_keys(key: str) -> None:
    uri = object_uri("bucket", key)
    assert VALID.fullmatch(uri)
    parts = urlsplit(uri)
    assert (parts.netloc, unquote(parts.path)) == ("bucket", f"/{key}")


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("https://a.example/x", "https://a.example/x"),
        (" https://a.example/two words?q=a b#c d ", "https://a.example/two%20words?q=a%20b#c%20d"),
        ("https://a.example/a%20b", "https://a.example/a%20b"),
        ("https://a.example/100%", "https://a.example/100%25"),
        ("HTTP://A.example/[x]", "http://A.example/%5Bx%5D"),
        ("https://bücher.example/größe", "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe"),
        ("https://a.example:8080/x#a#b", "https://a.example:8080/x#a%23b"),
        ("http://[2001:db8::1]/x", "http://[2001:db8::1]/x"),
        ("s3://bucket/a b", "s3://bucket/a%20b"),
        ("file:///a b.md", "file:///a%20b.md"),
    ],
)
def test_address_of_a_record_is_made_valid(url: str, uri: str) -> None:
    assert web_uri(url) == uri
    assert VALID.fullmatch(uri)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "java\nscript:alert(1)", "vbscript:x", "about:blank",
        "https:", "https://", "https:///x", "http://[", "//a.example/x", "a.example", "", None, 7,
        "https://a\ud800.example/", "https://a.example/\ud800", "https://<b>/", "http://" + "x" * 5000,
    ],
)  # fmt: skip
def test_address_that_may_not_be_cited_is_none(url: object) -> None:
    assert web_uri(url) == ""


def test_record_without_a_usable_address_is_cited_by_its_place() -> None:
    rows = [
        {"id": "a/b #1", "text": "One", "url": "javascript:alert(1)"},
        {"id": "2", "text": "Two", "url": "https://a.example/two words"},
        {"id": "ü" * 500, "text": "Three"},
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "my records.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        uris = [source.uri for source in listed(path).sources]
    at = f"file://{folder}/my%20records.jsonl"
    assert uris[:2] == [f"{at}#a/b%20%231", "https://a.example/two%20words"]
    assert uris[2] == f"{at}#{'%C3%BC' * 500}"
    assert fragment(at, "ü" * 700, 3) == f"{at}#3"
