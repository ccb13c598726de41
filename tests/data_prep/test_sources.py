"""A listing finds every document with a stable id and hash, and names what it cannot use."""

import json
import os
import re
from pathlib import Path

import pytest

from cluster.errors import InputError
from cluster.settings import IngestSettings, StoreSettings
from data_prep.documents.listed import Failure, Listing
from data_prep.documents.reading import SourceReader
from data_prep.documents.sources import list_sources
from tests.documents import docx, mixed_folder


def listed(location: Path | str, **ingest: object) -> Listing:
    return list_sources(str(location), IngestSettings(**ingest), StoreSettings())


def reasons(failures: tuple[Failure, ...]) -> dict[str, str]:
    return {failure.doc_id: failure.reason for failure in failures}


def write_records(path: Path, lines: list[object]) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", "utf-8")
    return path


def test_folder_is_listed_recursively_without_hidden_files(tmp_path: Path) -> None:
    listing = listed(mixed_folder(tmp_path / "docs"))
    found = [source.doc_id for source in listing.sources]
    assert found == ["broken.pdf", "lamp.md", "parts/bolts.txt", "spec.pdf", "warranty.html"]
    assert set(reasons(listing.failures)) == {"letter.doc"}
    assert ".md" in reasons(listing.failures)["letter.doc"]


def test_pictures_and_styles_beside_documents_are_counted_and_no_failures(tmp_path: Path) -> None:
    folder = mixed_folder(tmp_path / "docs")
    for name in ("b.PNG", "site.css", "parts/site.js.gz"):
        (folder / name).write_bytes(b"x")
    assert listed(folder).ignored == {".png": 2, ".css": 1, ".js": 1, "hidden files": 1}
    (tmp_path / "records").mkdir()
    write_records(tmp_path / "records" / "a.jsonl", [{"_id": "1", "text": "One"}])
    (tmp_path / "records" / "logo.svg").write_bytes(b"x")
    assert [source.doc_id for source in listed(tmp_path / "records").sources] == ["1"]


def test_pictures_alone_are_listed_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    assert set(reasons(listed(tmp_path).failures)) == {"a.png"}
    assert not listed(tmp_path).ignored


def test_hash_follows_content_and_not_place(tmp_path: Path) -> None:
    first = listed(mixed_folder(tmp_path / "a"))
    second = listed(mixed_folder(tmp_path / "b"))
    assert [s.content_hash for s in first.sources] == [s.content_hash for s in second.sources]
    (tmp_path / "b" / "lamp.md").write_text("other")
    third = listed(tmp_path / "b")
    changed = [
        a.doc_id
        for a, b in zip(first.sources, third.sources, strict=True)
        if a.content_hash != b.content_hash
    ]
    assert changed == ["lamp.md"]


def test_single_file_is_named_by_its_name(tmp_path: Path) -> None:
    folder = mixed_folder(tmp_path / "docs")
    (source,) = listed(folder / "parts" / "bolts.txt").sources
    assert source.doc_id == "bolts.txt"
    assert SourceReader(StoreSettings()).read(source) == b"Bolts come in sizes 2, 4 and 6."


def test_too_large_file_is_reported_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(b"x" * (1024 * 1024 + 1))
    (failure,) = listed(tmp_path, max_file_mib=1).failures
    assert "ingest.max_file_mib allows 1" in failure.reason


def test_file_name_that_is_no_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_text("hello")
    listing = listed(tmp_path)
    assert not listing.sources
    assert "UTF-8" in listing.failures[0].reason


def test_records_are_read_back_from_their_line(tmp_path: Path) -> None:
    path = write_records(
        tmp_path / "corpus.jsonl",
        [
            {"_id": "b", "text": "zwei ü"},
            {"_id": "a", "title": "T", "text": "eins", "metadata": {}},
        ],
    )
    listing = listed(path)
    assert [source.doc_id for source in listing.sources] == ["b", "a"]  # as in the file
    reader = SourceReader(StoreSettings())
    texts = [json.loads(reader.read(source))["text"] for source in listing.sources]
    assert texts == ["zwei ü", "eins"]


def test_bad_records_are_listed_with_their_line_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    path = write_records(
        tmp_path / "corpus.jsonl",
        [
            {"_id": "good", "text": "kept"}, "{broken", {"_id": "no-text"}, {"_id": 7.5, "text": "x"},
            {"_id": "good", "text": "again"}, [1], {"_id": "", "text": "x"}, {"_id": "z", "text": "\ud800"},
            {"_id": "last", "text": "kept too"},
        ],
    )  # fmt: skip
    listing = listed(path)
    assert [source.doc_id for source in listing.sources] == ["good", "last"]
    found = reasons(listing.failures)
    assert sorted(found) == [f"corpus.jsonl:{line}" for line in range(2, 9)]
    assert all(f"line {n}" in found[f"corpus.jsonl:{n}"] for n in range(2, 9))
    assert "used by corpus.jsonl:1" in found["corpus.jsonl:5"]


@pytest.mark.parametrize("location", ["nowhere", "nowhere/*.md", "ftp://host/docs", "s3://"])
def test_source_that_is_not_there_is_an_error(location: str) -> None:
    with pytest.raises(InputError, match=re.escape(location)):
        listed(location)


def test_empty_folder_and_empty_corpus_are_errors(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no files"):
        listed(tmp_path / "empty")
    (tmp_path / "corpus.jsonl").touch()
    with pytest.raises(InputError, match="empty"):
        listed(tmp_path / "corpus.jsonl")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("**/*.md", ["a.md", "parts/b.md", "parts/deep/c.md"]),
        ("*.md", ["a.md"]),
        ("parts/**", ["b.md", "b.txt", "deep/c.md"]),
        ("**/[bc].*", ["parts/b.md", "parts/b.txt", "parts/deep/c.md"]),
        ("**/[!bc].*", ["a.md"]),
        ("parts/?.txt", ["b.txt"]),
        ("p*/b.txt", ["parts/b.txt"]),
    ],
)
def test_pattern_finds_what_a_shell_would(tmp_path: Path, pattern: str, names: list[str]) -> None:
    for name in ("a.md", "parts/b.md", "parts/b.txt", "parts/deep/c.md", ".git/d.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert [source.doc_id for source in listed(tmp_path / pattern).sources] == names


def test_name_that_looks_like_a_pattern_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "[draft]").mkdir()
    (tmp_path / "[draft]" / "a*.md").write_text("text")
    assert listed(tmp_path / "[draft]").sources[0].doc_id == "a*.md"
    assert listed(tmp_path / "[draft]" / "a*.md").sources[0].doc_id == "a*.md"


def test_pattern_without_a_match_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match="holds no files"):
        listed(tmp_path / "*.md")


def test_office_and_table_files_are_documents(tmp_path: Path) -> None:
    (tmp_path / "a.DOCX").write_bytes(docx([("Normal", "text")]))
    (tmp_path / "b.tsv").write_text("a\tb")
    assert [source.format for source in listed(tmp_path).sources] == ["docx", "csv"]


def test_records_among_documents_are_documents(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    write_records(tmp_path / "corpus.jsonl", [{"_id": "r1", "text": "One"}])
    assert [source.doc_id for source in listed(tmp_path).sources] == ["a.md", "r1"]


def test_record_that_is_named_as_a_document_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    write_records(tmp_path / "corpus.jsonl", [{"_id": "a.md", "text": "One"}])
    listing = listed(tmp_path)
    assert [source.path for source in listing.sources] == [str(tmp_path / "a.md")]
    assert "used by the document a.md" in reasons(listing.failures)["corpus.jsonl:1"]


def test_lines_that_are_no_records_among_documents_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    (tmp_path / "events.jsonl").write_text('{"event": "login"}\n')
    listing = listed(tmp_path)
    assert [source.doc_id for source in listing.sources] == ["a.md"]
    assert "its columns: event" in reasons(listing.failures)["events.jsonl"]
    assert "on their own" in reasons(listing.failures)["events.jsonl"]


def test_unsupported_file_that_is_compressed_is_named_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "rules.cocci.gz").write_bytes(b"x")
    (failure,) = list_sources(str(tmp_path), IngestSettings(), StoreSettings()).failures
    assert "ingest.suffixes: {'.cocci.gz': text}" in failure.reason
