"""One holder at a time, also when holders die and stores fail."""

from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from cluster.errors import BusyError, InputError
from cluster.leases import Lease
from cluster.objects import LocalStore, S3Store
from tests.buckets import s3_client, s3_server
from tests.faulty_http import Fault, faulty_proxy


def test_second_holder_is_refused_with_who_holds_it(store: LocalStore) -> None:
    with (
        Lease(store, "lock", "ingest of 'a'"),
        pytest.raises(BusyError, match=r"ingest of 'a' is running \(process \d+"),
    ):
        Lease(store, "lock", "another").__enter__()
    with Lease(store, "lock", "another"):
        pass
    assert not store.exists("lock")


def test_lock_of_a_dead_process_is_taken_over(store: LocalStore) -> None:
    store.put("lock", b'{"purpose":"x","host":"elsewhere","pid":1,"started":"1","beat":0}')
    with Lease(store, "lock", "ours"):
        assert b'"ours"' in store.get("lock")


def test_error_of_the_block_is_not_hidden_by_a_store_that_fails_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults: Iterator[Fault | None] = chain([None], repeat("503"))
    with s3_server() as settings, faulty_proxy(str(settings.endpoint), lambda: next(faults)) as url:
        s3_client(settings).create_bucket(Bucket="books")
        broken = settings.model_copy(update={"endpoint": url, "attempts": 1})
        with (
            pytest.raises(InputError, match="the real reason"),
            Lease(S3Store("books", "", broken), "lock", "test"),
        ):
            raise InputError("the real reason")
    assert "lock stays locked until this process ends" in caplog.text
