"""Records of JSON lines and Parquet: columns found or named, read back by place, refused with a reason."""

import gzip
import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import InputError
from cluster.settings import IngestSettings, StoreSettings
from data_prep.documents.listed import Listing
from data_prep.documents.reading import SourceReader
from data_prep.documents.sources import list_sources
from tests.listings import listed

ROWS = [
    {"id": 3, "title": "Lamp", "body": "It needs 7 bolts.", "year": 2011, "vector": [0.1]},
    {"id": 1, "title": None, "body": "Wipe with a dry cloth.", "year": None, "vector": [0.2]},
    {"id": 2, "title": "Care", "body": "Größe vier.", "year": 2012, "vector": [0.3]},
]


def records(listing: Listing) -> list[dict[str, Any]]:
    reader = SourceReader(StoreSettings())
    found = [json.loads(reader.read(source)) for source in listing.sources]
    reader.close()
    return found


def write(path: Path, rows: list[dict[str, Any]], rows_per_group: int = 2) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=rows_per_group)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize("name", ["docs.parquet", "docs.jsonl"])
def test_records_have_text_title_id_and_plain_metadata(tmp_path: Path, name: str) -> None:
    listing = listed(write(tmp_path / name, ROWS))
    assert not listing.failures
    assert [source.doc_id for source in listing.sources] == ["3", "1", "2"]
    found = records(listing)
    assert [record["text"] for record in found] == [row["body"] for row in ROWS]
    assert [record["title"] for record in found] == ["Lamp", "", "Care"]
    assert [record["metadata"] for record in found] == [{"year": 2011}, {}, {"year": 2012}]


def test_columns_can_be_named(tmp_path: Path) -> None:
    rows = [{"key": "a", "text": "short", "story": "long"}]
    path = write(tmp_path / "docs.parquet", rows)
    listing = listed(path, text_column="story", id_column="key")
    assert (listing.sources[0].doc_id, records(listing)[0]["text"]) == ("a", "long")
    assert records(listed(path))[0]["text"] == "short"


@pytest.mark.parametrize("name", ["docs.parquet", "docs.jsonl"])
def test_missing_column_is_an_error_that_lists_what_there_is(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [{"headline": "a", "story": "b"}])
    with pytest.raises(InputError, match=r"its columns: headline, story.*--text-column"):
        listed(path)
    with pytest.raises(InputError, match=r"no column 'stroy'.*headline, story"):
        listed(path, text_column="stroy")


def test_records_without_ids_are_named_by_their_text(tmp_path: Path) -> None:
    first = listed(write(tmp_path / "a.jsonl", [{"text": "one"}, {"text": "two"}]))
    second = listed(
        write(tmp_path / "b.jsonl", [{"text": "new"}, {"text": "two"}, {"text": "two"}])
    )
    assert first.sources[1].doc_id == second.sources[1].doc_id
    assert first.sources[1].content_hash == second.sources[1].content_hash
    assert "was used by b.jsonl:2" in second.failures[0].reason


def test_pattern_of_record_files_is_one_corpus(tmp_path: Path) -> None:
    write(tmp_path / "part-1.parquet", ROWS[:1])
    write(tmp_path / "part-2.parquet", ROWS[1:])
    assert len(listed(tmp_path / "*.parquet").sources) == len(listed(tmp_path).sources) == 3


def test_bad_rows_are_listed_and_stop_nothing(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "kept"}, {"id": "b", "text": None}, {"id": None, "text": "x"}]
    listing = listed(write(tmp_path / "docs.parquet", rows))
    assert [source.doc_id for source in listing.sources] == ["a"]
    reasons = {failure.doc_id: failure.reason for failure in listing.failures}
    assert "'text' must be text, got nothing" in reasons["docs.parquet:2"]
    assert "'id' must be" in reasons["docs.parquet:3"]


def test_line_that_is_too_long_is_skipped_and_the_next_is_read(tmp_path: Path) -> None:
    long = {"id": "long", "text": "x" * (1 << 20)}
    path = write(
        tmp_path / "docs.jsonl", [{"id": "a", "text": "one"}, long, {"id": "b", "text": "two"}]
    )
    listing = list_sources(str(path), IngestSettings(max_file_mib=1), StoreSettings())
    assert [record["text"] for record in records(listing)] == ["one", "two"]
    assert "max_file_mib=1" in listing.failures[0].reason


@pytest.mark.parametrize("content", [b"no parquet", b"PAR1" + bytes(60), b""])
def test_damaged_parquet_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "docs.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"Parquet|cannot be read"):
        listed(tmp_path / "docs.parquet")


def test_deeply_nested_line_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl"
    path.write_text('{"id": "a", "text": "one"}\n' + "[" * 100_000 + "\n")
    assert len(listed(path).failures) == 1


@pytest.mark.parametrize("name", ["docs.parquet", "docs.jsonl"])
def test_record_that_changed_since_it_was_listed_is_not_read(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, ROWS)
    sources = listed(path).sources
    write(path, [{**row, "body": row["body"].upper()} for row in ROWS[:2]])
    reader = SourceReader(StoreSettings())
    for source in sources:
        with pytest.raises(OSError, match="changed"):
            reader.read(source)


def test_dates_and_structures_become_plain_json(tmp_path: Path) -> None:
    meta = {"when": date(2026, 1, 2), "tags": ["a"]}
    rows = [{"id": "a", "text": "x", "metadata": meta}, {"id": "b", "text": "y", "metadata": None}]
    found = records(listed(write(tmp_path / "docs.parquet", rows)))
    assert found[0]["metadata"] == {"when": "2026-01-02", "tags": ["a"]}


def test_gzipped_lines_are_records(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    rows = [{"id": n, "text": f"text {n}"} for n in range(50)]
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    listing = listed(path)
    reader = SourceReader(StoreSettings())
    for source in (*listing.sources, *listing.sources[::-1]):
        assert json.loads(reader.read(source))["text"] == f"text {source.doc_id}"


def test_damaged_and_exploding_gzip_are_told(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f'{{"text": "{n}"}}\n' for n in range(9000)).encode())
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "none.ndjson.gz").write_bytes(b"no gzip")
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(b" " * (80 << 20)))
    (tmp_path / "good.jsonl").write_text('{"text": "One"}\n')
    listing = listed(tmp_path)
    found = {failure.doc_id: failure.reason for failure in listing.failures}
    assert set(found) == {"cut.jsonl.gz", "none.ndjson.gz", "bomb.jsonl.gz"}
    assert "unpacks to more than" in found["bomb.jsonl.gz"]
    assert len(listing.unseen) == 3  # their records are not known to be gone


def test_file_without_a_record_is_counted_and_a_damaged_one_stops_no_other(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [{"text": "One"}])
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "bad.parquet").write_bytes(b"PAR1" + bytes(60))
    listing = listed(tmp_path)
    assert len(listing.sources) == 1
    assert "Parquet" in listing.failures[0].reason
    assert listing.ignored == {"files of records without a record": 1}
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(InputError, match="Parquet"):
        listed(tmp_path / "*.parquet")


def test_file_of_records_is_read_whatever_the_case_of_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "A.PARQUET"
    pq.write_table(pa.table({"id": ["1"], "text": ["One"]}), path)
    assert records(listed(path))[0]["text"] == "One"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=12), st.integers(1, 5))
def test_both_formats_give_the_same_records_in_any_row_groups(
    texts: dict[str, str], rows_per_group: int
) -> None:
    rows = [{"id": key, "text": text} for key, text in texts.items()]
    with tempfile.TemporaryDirectory() as folder:
        parquet = listed(write(Path(folder) / "a.parquet", rows, rows_per_group))
        lines = listed(write(Path(folder) / "a.jsonl", rows))
        assert records(parquet) == records(lines)
        assert [(s.doc_id, s.content_hash) for s in parquet.sources] == [
            (s.doc_id, s.content_hash) for s in lines.sources
        ]
