"""Names say the format, `ingest.suffixes` goes first, and content that is certain goes before both."""

import bz2
import gzip
import lzma
from contextlib import suppress
from pathlib import Path

import pytest

from cluster.errors import SettingsError
from cluster.formats import ALLOWED, FORMATS
from cluster.options import parse_overrides
from cluster.resolve import load_settings
from cluster.settings import IngestSettings, StoreSettings
from data_prep.documents.formats.kinds import companion_suffixes, named_format
from data_prep.documents.formats.names import SUFFIXES
from data_prep.documents.formats.parsed import ParseError
from data_prep.documents.parse import parse_bytes
from data_prep.documents.sources import list_sources


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a/b.MD", "markdown"), ("x.qmd", "markdown"), ("x.Rmd", "markdown"), ("x.mdx", "mdx"),
        ("x.rst", "rst"),
        ("x.log", "text"), ("x.yml", "config"), ("x.ipynb", "notebook"), ("x.eml", "mail"),
        ("x.mbox", "mailbox"),
        ("x.py", "code"), ("x.js", "code"), ("ls.1", "man"), ("ls.1.gz", "man"), ("guide.md.gz", "markdown"),
        ("open.3pm.gz", "man"), ("config.5ssl", "man"), ("film.3gp", None), ("old.7z", None),
        ("x.perl", "code"), ("README", "text"),
        ("docs/Makefile", "text"), ("README.gz", "text"), ("README.Debian", "text"),
        ("changelog.Debian.gz", "text"), ("x.docbook", "xml"), ("x.srt", "subtitles"), ("x.tar.gz", None),
        ("x.exe", None), ("x.story", None), (".hidden", None), ("x.adoc", "asciidoc"), ("x.org", "org"),
        ("x.tex", "latex"), ("x.texi", "texinfo"), ("x.rtf", "rtf"), ("x.json", "json"), ("x.xml", "xml"),
    ],
)  # fmt: skip
def test_name_says_the_format(name: str, format: str | None) -> None:
    assert named_format(name) == format


def test_setting_goes_before_what_we_know_and_the_longest_suffix_first() -> None:
    suffixes = {".story": "markdown", ".md": "text", ".bak": "ignore", ".tmpl.md": "code"}
    names = ("x.story", "x.md", "x.bak", "x.tmpl.md", "x.txt")
    found = [named_format(name, suffixes) for name in names]
    assert found == ["markdown", "text", None, "code", "text"]


def test_scripts_lie_beside_pages_and_are_documents_without() -> None:
    assert {".js", ".css", ".png"} <= companion_suffixes([".html", ".js"])
    assert not {".js", ".css"} & companion_suffixes([".md", ".js"])
    assert ".js" not in companion_suffixes([".html", ".js"], {".js": "code"})
    assert ".bak" in companion_suffixes([".md"], {".bak": "ignore"})


def test_folder_of_plain_text_is_listed_whole(tmp_path: Path) -> None:
    for name in ("a.rst", "b.story", "c.bak", "README", "d.js", "e.unknown"):
        (tmp_path / name).write_text("Some words.")
    ingest = IngestSettings(suffixes={"story": "markdown", ".BAK": "ignore"})
    listing = list_sources(str(tmp_path), ingest, StoreSettings())
    found = {source.doc_id: source.format for source in listing.sources}
    assert found == {"README": "text", "a.rst": "rst", "b.story": "markdown", "d.js": "code"}
    assert listing.ignored == {".bak": 1}
    (failure,) = listing.failures
    assert "ingest.suffixes: {'.unknown': text}" in failure.reason


def test_suffixes_come_from_file_environment_and_flags(tmp_path: Path) -> None:
    path = tmp_path / "openbook.yaml"
    path.write_text("ingest:\n  suffixes:\n    .story: markdown\n    dat: text\n")
    wanted = {".story": "markdown", ".dat": "text"}
    assert load_settings(file=path, environ={}).settings.ingest.suffixes == wanted
    environ = {"OPENBOOK_INGEST__SUFFIXES": '{".story": "markdown", ".DAT": "text"}'}
    assert load_settings(environ=environ).settings.ingest.suffixes == wanted
    flags = parse_overrides(["ingest.suffixes={.story: markdown, .dat: text}"])
    assert load_settings(flags, environ={}).settings.ingest.suffixes == wanted
    assert load_settings(flags, file=path, environ={}).sources["ingest.suffixes"] == "flag"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({".x": "word"}, "'word' for '.x' is no format; allowed are asciidoc"),
        ({".x": "record"}, "no format"),
        ({".": "text"}, "no suffix"), ({"a/b": "text"}, "no suffix"), (["text"], "mapping"),
        ({".x": None}, "no format"),
    ],
)  # fmt: skip
def test_suffix_setting_that_is_wrong_says_what_is_allowed(value: object, words: str) -> None:
    with pytest.raises(SettingsError, match=r"ingest\.suffixes") as raised:
        load_settings({"ingest.suffixes": value}, environ={})
    assert words in str(raised.value)


def test_every_format_has_a_parser() -> None:
    for format in FORMATS:
        if format != "record":
            with pytest.raises(ParseError):
                parse_bytes(b"", format)
            with suppress(ParseError):  # of those that are no text
                assert "seven bolts" in parse_bytes(b"The lamp has seven bolts.", format).text
    assert set(SUFFIXES.values()) <= set(ALLOWED)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_text_is_unpacked(compress: object) -> None:
    data = compress(b"# Lamp\n\nIt has seven bolts.")  # type: ignore[operator]
    assert parse_bytes(data, "markdown").title == "Lamp"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gzip.compress(b"x" * 1000)[:-20], "damaged"), (gzip.compress(bytes(140 << 20)), "more than 128 MiB"),
        (b"\x1f\x8b" + bytes(99), "gzip"), (gzip.compress(bytes(257) + b"ustar" + bytes(99)), "tar archive"),
    ],
    ids=["cut", "bomb", "broken", "tar"],
)  # fmt: skip
def test_compressed_data_that_cannot_be_read_has_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse_bytes(data, "text")


@pytest.mark.parametrize("named", ["text", "json", "xml", "config", "rst", "man"])
def test_page_is_parsed_as_one_whatever_its_name(named: str) -> None:
    page = b"<!DOCTYPE html><html><title>T</title><body><p>The lamp draws 12 W.</p></body></html>"
    assert parse_bytes(page, named).text == "The lamp draws 12 W."  # type: ignore[arg-type]


def test_number_after_a_dot_is_a_man_page_only_if_its_content_is() -> None:
    assert parse_bytes(b"Release 1.2 brings bolts.", "man").text == "Release 1.2 brings bolts."


def test_private_key_is_not_indexed() -> None:
    with pytest.raises(ParseError, match="private key"):
        parse_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n", "text")
