"""Objects in a bucket are listed and read like files; etags say what changed without a download."""

import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.errors import InputError, UnavailableError
from cluster.keys import content_id
from cluster.settings import IngestSettings, StoreSettings
from data_prep.documents.listed import Listing
from data_prep.documents.reading import SourceReader
from data_prep.documents.sources import list_sources
from tests.buckets import s3_client, s3_server
from tests.documents import pdf

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def s3() -> Iterator[StoreSettings]:
    with s3_server() as settings:
        yield settings


@pytest.fixture
def bucket(s3: StoreSettings, request: pytest.FixtureRequest) -> str:
    name = f"b{content_id(request.node.nodeid)}"
    s3_client(s3).create_bucket(Bucket=name)
    return name


def put(s3: StoreSettings, bucket: str, objects: dict[str, bytes]) -> None:
    for key, data in objects.items():
        s3_client(s3).put_object(Bucket=bucket, Key=key, Body=data)


def listed(location: str, s3: StoreSettings) -> Listing:
    return list_sources(location, IngestSettings(), s3)


OBJECTS = {
    "docs/a.md": b"# A", "docs/parts/spec.pdf": pdf([["It weighs 3 kg."]]), "docs/letter.doc": b"DOC",
    "docs/.hidden/x.md": b"x", "docs/folder/": b"", "docs2/b.md": b"# B", "caf\u00e9 + 1.md": b"# C",
}  # fmt: skip


def test_prefix_is_a_folder_and_not_the_beginning_of_a_name(s3: StoreSettings, bucket: str) -> None:
    put(s3, bucket, OBJECTS)
    for location in (f"s3://{bucket}/docs", f"s3://{bucket}/docs/"):
        listing = listed(location, s3)
        assert [source.doc_id for source in listing.sources] == ["a.md", "parts/spec.pdf"]
        assert [failure.doc_id for failure in listing.failures] == ["letter.doc"]
        assert listing.sources[0].uri == f"s3://{bucket}/docs/a.md"
    assert len(listed(f"s3://{bucket}", s3).sources) == 4


@pytest.mark.parametrize(
    ("location", "names"),
    [
        ("docs/a.md", ["a.md"]),
        ("docs*/*.md", ["docs/a.md", "docs2/b.md"]),
        ("docs/**/*.pdf", ["parts/spec.pdf"]),
        ("caf\u00e9 + 1.md", ["caf\u00e9 + 1.md"]),
    ],
)
def test_object_and_pattern_are_found(
    s3: StoreSettings, bucket: str, location: str, names: list[str]
) -> None:
    put(s3, bucket, OBJECTS)
    sources = listed(f"s3://{bucket}/{location}", s3).sources
    assert [source.doc_id for source in sources] == names
    keys = [source.path.removeprefix(f"s3://{bucket}/") for source in sources]
    assert [SourceReader(s3).read(source) for source in sources] == [OBJECTS[key] for key in keys]


def test_etag_names_the_content_and_a_changed_object_is_not_read(
    s3: StoreSettings, bucket: str
) -> None:
    put(s3, bucket, {"a.md": b"one", "b.md": b"two"})
    first = listed(f"s3://{bucket}", s3).sources
    put(s3, bucket, {"a.md": b"one", "b.md": b"new"})
    second = listed(f"s3://{bucket}", s3).sources
    assert first[0].content_hash == second[0].content_hash
    assert first[1].content_hash != second[1].content_hash
    with pytest.raises(OSError, match="changed"):
        SourceReader(s3).read(first[1])
    s3_client(s3).delete_object(Bucket=bucket, Key="b.md")
    with pytest.raises(OSError, match="does not exist"):
        SourceReader(s3).read(first[1])


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_records_in_a_bucket_are_read_by_their_place(
    s3: StoreSettings, bucket: str, suffix: str
) -> None:
    rows = [{"id": f"{n}", "text": f"text {n} " * 200} for n in range(40)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=7)
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    put(s3, bucket, {f"c.{suffix}": lines if suffix == "jsonl" else sink.getvalue().to_pybytes()})
    reader = SourceReader(s3)
    sources = listed(f"s3://{bucket}/c.{suffix}", s3).sources
    found = {s.doc_id: json.loads(reader.read(s))["text"] for s in (*sources[::-1], *sources)}
    assert found == {row["id"]: row["text"] for row in rows}


def test_missing_prefix_and_bucket_are_errors(s3: StoreSettings, bucket: str) -> None:
    with pytest.raises(InputError, match=f"s3://{bucket}/nothing"):
        listed(f"s3://{bucket}/nothing", s3)
    with pytest.raises((InputError, UnavailableError), match="nobucket"):
        listed("s3://nobucket/docs", s3)


def test_odd_keys_are_cited_validly_or_told(s3: StoreSettings, bucket: str) -> None:
    keys = [
        "d/a b+c.md",
        "d/caf\u00e9 #1?.md",
        "d//twice.md",
        "d/100%.md",
        "d/.hidden/x.md",
        "d/.env",
    ]
    put(
        s3,
        bucket,
        dict.fromkeys(keys, b"text") | {"d/folder/": b"", "d/full/": b"x", "d/empty.md": b""},
    )
    listing = listed(f"s3://{bucket}/d", s3)
    assert {source.uri for source in listing.sources} == {
        f"s3://{bucket}/d/{key}"
        for key in ("a%20b%2Bc.md", "caf%C3%A9%20%231%3F.md", "/twice.md", "100%25.md", "empty.md")
    }
    assert [failure.doc_id for failure in listing.failures] == ["full/"]
    assert listing.ignored == {"hidden files": 2}
    reader = SourceReader(s3)
    assert {reader.read(source) for source in listing.sources} == {b"text", b""}


def test_records_whose_key_cannot_be_opened_are_told_and_stop_nothing(
    s3: StoreSettings, bucket: str
) -> None:
    line = b'{"id": "1", "text": "One"}\n'
    put(s3, bucket, {"d//a.jsonl": line, "d/caf\u00e9 +1.jsonl": line, "d/a.md": b"text"})
    listing = listed(f"s3://{bucket}/d", s3)
    assert [source.doc_id for source in listing.sources] == ["a.md", "1"]
    assert listing.sources[1].uri == f"s3://{bucket}/d/caf%C3%A9%20%2B1.jsonl#1"
    assert "cannot be read" in listing.failures[0].reason


def test_progress_counts_objects(s3: StoreSettings, bucket: str) -> None:
    put(s3, bucket, {f"{n}.md": b"text" for n in range(3)})
    seen: list[tuple[int, int]] = []
    list_sources(f"s3://{bucket}", IngestSettings(), s3, lambda *counts: seen.append(counts))
    assert seen[-1][0] == 3
