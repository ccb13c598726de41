"""S3 on a bad day: what passes is waited out, what stays is a clear error, nothing is half done."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cluster.errors import ConflictError, UnavailableError
from cluster.objects import S3Store
from cluster.settings import StoreSettings
from tests.buckets import s3_client, s3_server
from tests.faulty_http import FAULTS, Fault, faulty_proxy

BIG = bytes(range(256)) * 2000


@pytest.fixture(scope="module")
def behind() -> Iterator[StoreSettings]:
    with s3_server() as settings:
        s3_client(settings).create_bucket(Bucket="books")
        yield settings.model_copy(update={"timeout_s": 0.5, "attempts": 4})


@pytest.fixture
def store_with(behind: StoreSettings) -> Iterator[Callable[[Iterator[Fault | None]], S3Store]]:
    """A store whose requests meet the given faults, one each."""
    with ExitStack() as stack:

        def make(faults: Iterator[Fault | None]) -> S3Store:
            url = stack.enter_context(faulty_proxy(str(behind.endpoint), lambda: next(faults)))
            return S3Store("books", "faulty", behind.model_copy(update={"endpoint": url}))

        yield make


def alternating(fault: Fault) -> Iterator[Fault | None]:
    """Every other request meets the fault, the first one too."""
    return itertools.cycle((fault, None))


@pytest.mark.parametrize("fault", FAULTS)
def test_passing_fault_is_waited_out_by_every_operation(
    fault: Fault, store_with: Callable[[Iterator[Fault | None]], S3Store], tmp_path: Path
) -> None:
    store = store_with(alternating(fault))
    name = fault.replace(" ", "-")
    (tmp_path / "in").write_bytes(BIG)
    store.delete(f"{name}/once")
    etag = store.create(f"{name}/once", b"1")
    etag = store.swap(f"{name}/once", b"2", etag)
    assert store.get_with_etag(f"{name}/once") == (b"2", etag)
    store.upload(f"{name}/file", tmp_path / "in")
    store.download(f"{name}/file", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == BIG == store.get(f"{name}/file")
    assert list(store.list(name)) == [f"{name}/file", f"{name}/once"]
    assert store.exists(f"{name}/once")


def test_create_that_somebody_else_won_is_a_conflict_also_after_a_lost_answer(
    behind: StoreSettings, store_with: Callable[[Iterator[Fault | None]], S3Store]
) -> None:
    S3Store("books", "faulty", behind).put("taken", b"theirs")
    store = store_with(alternating("cut after"))
    with pytest.raises(ConflictError):
        store.create("taken", b"ours")
    assert store.get("taken") == b"theirs"


@pytest.mark.parametrize("fault", ["503", "cut before"])
def test_store_that_stays_broken_is_named_with_what_to_check(
    fault: Fault, store_with: Callable[[Iterator[Fault | None]], S3Store], tmp_path: Path
) -> None:
    store = store_with(itertools.repeat(fault))
    with pytest.raises(UnavailableError, match=r"s3://books/faulty.*store\.endpoint"):
        store.get("x")
    with pytest.raises(UnavailableError, match=r"store\.endpoint"):
        store.create("y", b"1")
    with pytest.raises(UnavailableError, match=r"store\.endpoint"):
        store.download("x", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    (tmp_path / "in").write_bytes(BIG)
    with pytest.raises(UnavailableError, match=r"store\.endpoint"):
        store.upload("z", tmp_path / "in")


def test_body_that_is_always_cut_is_an_error_and_leaves_no_file(
    behind: StoreSettings,
    store_with: Callable[[Iterator[Fault | None]], S3Store],
    tmp_path: Path,
) -> None:
    S3Store("books", "faulty", behind).put("long", BIG)
    store = store_with(itertools.repeat("cut body"))
    with pytest.raises(UnavailableError, match="'long'"):
        store.get("long")
    with pytest.raises(UnavailableError, match="'long'"):
        store.download("long", tmp_path / "long")
    assert not list(tmp_path.iterdir())
