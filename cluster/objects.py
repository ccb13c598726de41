"""The object store: bytes under keys, with create-only and compare-and-swap writes.

Keys are "/"-separated and relative to the store's root (`file:///path` or `s3://bucket/prefix`).
Everything that several processes may change goes through `create` and `swap`; everything else is
written once. `tests/cluster/test_objects.py` holds both stores to the same contract.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlparse

from cluster.errors import SettingsError
from cluster.objects_local import LocalStore
from cluster.objects_s3 import S3Store
from cluster.settings import Settings

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

__all__ = ["LocalStore", "ObjectStore", "S3Store", "open_store"]


class ObjectStore(Protocol):
    """What every store does. An etag names one content of one key."""

    url: str

    def put(self, key: str, data: bytes) -> str:
        """Write, replacing what was there; returns the etag."""

    def get(self, key: str) -> bytes:
        """The bytes; NotFoundError when there are none."""

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """The bytes and the etag to swap against."""

    def exists(self, key: str) -> bool:
        """Whether the key holds an object."""

    def list(self, prefix: str) -> Iterator[str]:
        """Keys below `prefix` (a folder, at any depth), sorted."""

    def delete(self, key: str) -> None:
        """Remove; no error when there is nothing."""

    def create(self, key: str, data: bytes) -> str:
        """Write only where nothing is; ConflictError otherwise."""

    def swap(self, key: str, data: bytes, etag: str) -> str:
        """Write only over the content that `etag` names; ConflictError otherwise.

        After a lost answer, equal bytes of another writer pass for one's own: name the writer in
        them where that matters.
        """

    def upload(self, key: str, path: Path) -> None:
        """Write a file of any size."""

    def download(self, key: str, path: Path) -> None:
        """Read into a file; NotFoundError when there is nothing."""

    def arrow(self) -> "tuple[FileSystem, str]":
        """The same store for pyarrow and Ray: a file system and the root's path in it."""


def open_store(settings: Settings) -> ObjectStore:
    """The store that `store.url` names."""
    url = urlparse(settings.store_url())
    if url.scheme == "file":
        return LocalStore(Path(unquote(url.path)))
    if url.scheme == "s3" and url.netloc:
        return S3Store(url.netloc, url.path.strip("/"), settings.store)
    raise SettingsError(
        f"store.url={settings.store_url()!r}: allowed are file:///absolute/path and s3://bucket/prefix"
    )
