"""A listing finds every document with a stable id and hash, and names what it cannot use."""

import json
import os
from pathlib import Path

import pytest

from cluster.errors import InputError
from data_prep.sources import Failure, list_sources
from tests.documents import mixed_folder

MIB = 100


def reasons(failures: tuple[Failure, ...]) -> dict[str, str]:
    return {failure.doc_id: failure.reason for failure in failures}


def write_records(path: Path, lines: list[object]) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", "utf-8")
    return path


def test_folder_is_listed_recursively_without_hidden_files(tmp_path: Path) -> None:
    listing = list_sources(str(mixed_folder(tmp_path / "docs")), MIB)
    found = [source.doc_id for source in listing.sources]
    assert found == ["broken.pdf", "lamp.md", "parts/bolts.txt", "spec.pdf", "warranty.html"]
    assert set(reasons(listing.failures)) == {"photo.png"}
    assert ".md" in reasons(listing.failures)["photo.png"]


def test_hash_follows_content_and_not_place(tmp_path: Path) -> None:
    first = list_sources(str(mixed_folder(tmp_path / "a")), MIB)
    second = list_sources(str(mixed_folder(tmp_path / "b")), MIB)
    assert [s.content_hash for s in first.sources] == [s.content_hash for s in second.sources]
    (tmp_path / "b" / "lamp.md").write_text("other")
    third = list_sources(str(tmp_path / "b"), MIB)
    changed = [
        a.doc_id
        for a, b in zip(first.sources, third.sources, strict=True)
        if a.content_hash != b.content_hash
    ]
    assert changed == ["lamp.md"]


def test_single_file_is_named_by_its_name(tmp_path: Path) -> None:
    folder = mixed_folder(tmp_path / "docs")
    (source,) = list_sources(str(folder / "parts" / "bolts.txt"), MIB).sources
    assert source.doc_id == "bolts.txt"
    assert source.read() == b"Bolts come in sizes 2, 4 and 6."


def test_too_large_file_is_reported_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(b"x" * (1024 * 1024 + 1))
    (failure,) = list_sources(str(tmp_path), 1).failures
    assert "ingest.max_file_mib allows 1" in failure.reason


def test_file_name_that_is_no_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_text("hello")
    listing = list_sources(str(tmp_path), MIB)
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
    listing = list_sources(str(path), MIB)
    assert [source.doc_id for source in listing.sources] == ["a", "b"]
    assert json.loads(listing.sources[1].read())["text"] == "zwei ü"


def test_bad_records_are_listed_with_their_line_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    path = write_records(
        tmp_path / "corpus.jsonl",
        [
            {"_id": "good", "text": "kept"}, "{broken", {"_id": "no-text"}, {"_id": 7, "text": "x"},
            {"_id": "good", "text": "again"}, [1], {"_id": "", "text": "x"}, {"_id": "z", "text": "\ud800"},
            {"_id": "last", "text": "kept too"},
        ],
    )  # fmt: skip
    listing = list_sources(str(path), MIB)
    assert [source.doc_id for source in listing.sources] == ["good", "last"]
    found = reasons(listing.failures)
    assert sorted(found) == [f"corpus.jsonl:{line}" for line in range(2, 9)]
    assert all(f"line {n}" in found[f"corpus.jsonl:{n}"] for n in range(2, 9))
    assert "used on line 1" in found["corpus.jsonl:5"]


@pytest.mark.parametrize("location", ["nowhere", "s3://bucket/docs"])
def test_source_that_is_not_there_is_an_error(location: str) -> None:
    with pytest.raises(InputError, match=location):
        list_sources(location, MIB)


def test_empty_folder_and_empty_corpus_are_errors(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no files"):
        list_sources(str(tmp_path / "empty"), MIB)
    (tmp_path / "corpus.jsonl").touch()
    with pytest.raises(InputError, match="empty"):
        list_sources(str(tmp_path / "corpus.jsonl"), MIB)
