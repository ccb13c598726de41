"""One contract for both object stores; S3 is a real HTTP server (moto) on loopback."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from cluster.errors import (
    ConflictError,
    NotFoundError,
    SettingsError,
    UnavailableError,
    UsageError,
)
from cluster.keys import content_id
from cluster.objects import LocalStore, ObjectStore, S3Store, open_store
from cluster.settings import Settings, StoreSettings
from tests.buckets import s3_client, s3_server


@pytest.fixture(scope="module")
def s3_settings() -> Iterator[StoreSettings]:
    with s3_server() as settings:
        s3_client(settings).create_bucket(Bucket="books")
        yield settings


@pytest.fixture(params=["file", "s3", "s3-at-bucket-root"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "file":
        return LocalStore(tmp_path / "store with space")
    settings: StoreSettings = request.getfixturevalue("s3_settings")
    if request.param == "s3":
        return S3Store("books", f"pre/{content_id(str(tmp_path))}", settings)
    bucket = f"b{content_id(str(tmp_path))}"
    s3_client(settings).create_bucket(Bucket=bucket)
    return S3Store(bucket, "", settings)


def test_object_put_and_get_returns_the_bytes(any_store: ObjectStore) -> None:
    any_store.put("a/b/c.bin", b"\x00one")
    etag = any_store.put("a/b/c.bin", b"two")

    assert any_store.get("a/b/c.bin") == b"two"
    assert any_store.get_with_etag("a/b/c.bin") == (b"two", etag)
    assert any_store.exists("a/b/c.bin")


def test_object_missing_raises_not_found_with_key_and_place(any_store: ObjectStore) -> None:
    assert not any_store.exists("nope")
    with pytest.raises(NotFoundError, match="nope"):
        any_store.get("nope")
    with pytest.raises(NotFoundError, match="nope"):
        any_store.download("nope", Path("/dev/null"))


def test_list_returns_only_keys_below_the_folder_sorted(any_store: ObjectStore) -> None:
    for key in ("x/b", "x/a/deep", "xy/c", "z"):
        any_store.put(key, b"")

    assert list(any_store.list("x")) == ["x/a/deep", "x/b"]
    assert list(any_store.list("nothing")) == []
    assert set(any_store.list("")) == {"x/b", "x/a/deep", "xy/c", "z"}


def test_delete_twice_is_no_error(any_store: ObjectStore) -> None:
    any_store.put("gone", b"1")
    any_store.delete("gone")
    any_store.delete("gone")
    assert not any_store.exists("gone")


def test_create_on_an_existing_key_keeps_the_first(any_store: ObjectStore) -> None:
    any_store.create("once", b"first")
    with pytest.raises(ConflictError):
        any_store.create("once", b"second")
    assert any_store.get("once") == b"first"


def test_swap_with_a_stale_etag_is_refused(any_store: ObjectStore) -> None:
    old = any_store.put("p", b"1")
    new = any_store.swap("p", b"2", old)

    with pytest.raises(ConflictError):
        any_store.swap("p", b"3", old)
    any_store.swap("p", b"4", new)
    assert any_store.get("p") == b"4"


def test_swap_of_a_missing_key_is_refused(any_store: ObjectStore) -> None:
    with pytest.raises(ConflictError):
        any_store.swap("never", b"1", "0" * 32)


def test_counter_incremented_by_racing_threads_loses_nothing(any_store: ObjectStore) -> None:
    any_store.put("n", b"0 nobody")

    def increment(name: str) -> None:
        for _ in range(5):
            while True:
                record, etag = any_store.get_with_etag("n")
                try:
                    any_store.swap("n", f"{int(record.split()[0]) + 1} {name}".encode(), etag)
                    break
                except ConflictError:
                    continue

    threads = [threading.Thread(target=increment, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any_store.get("n").split()[0] == b"20"


def test_file_upload_and_download_round_trips(any_store: ObjectStore, tmp_path: Path) -> None:
    source, target = tmp_path / "in.bin", tmp_path / "out.bin"
    source.write_bytes(b"x" * 100_000)
    any_store.upload("files/in.bin", source)
    any_store.download("files/in.bin", target)
    assert target.read_bytes() == source.read_bytes()


def test_arrow_sees_the_same_objects(any_store: ObjectStore) -> None:
    filesystem, root = any_store.arrow()
    table = pa.table({"a": [1, 2]})
    if not isinstance(any_store, S3Store):
        Path(root, "t").mkdir()
    pq.write_table(table, f"{root}/t/part.parquet", filesystem=filesystem)

    assert "t/part.parquet" in list(any_store.list("t"))
    assert pq.read_table(f"{root}/t/part.parquet", filesystem=filesystem).equals(table)


@pytest.mark.parametrize("key", ["/abs", "a/../b", "a//b", ".", "a/./b", ".tmp/x"])
def test_local_key_that_leaves_the_root_is_refused(store: LocalStore, key: str) -> None:
    with pytest.raises(UsageError, match="not allowed"):
        store.put(key, b"")


def test_s3_that_is_down_is_named_with_what_to_check() -> None:
    settings = StoreSettings(
        endpoint="http://127.0.0.1:9", access_key="a", secret_key=SecretStr("b"), timeout_s=1
    )
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9.*store\.endpoint"):
        S3Store("books", "", settings).get("x")


def test_local_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    with pytest.raises(UnavailableError, match="cannot write"):
        LocalStore(blocker / "store").put("a", b"")


def test_open_store_with_another_scheme_says_what_is_allowed() -> None:
    settings = Settings(store=StoreSettings(url="ftp://host/x"))
    with pytest.raises(SettingsError, match="s3://bucket/prefix"):
        open_store(settings)


def test_open_store_by_default_is_a_folder_below_home(tmp_path: Path) -> None:
    assert open_store(Settings(home=tmp_path)).url == (tmp_path / "store").as_uri()
