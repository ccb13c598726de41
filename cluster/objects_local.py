"""The `file://` store: objects are files below a folder.

Writes go to a temporary file beside the target and are renamed, so a reader never sees half of an
object. Conditional writes hold one file lock, which the kernel drops when a process dies.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import ConflictError, NotFoundError, UnavailableError, UsageError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_RESERVED = ".tmp"


class LocalStore:
    """Objects below `root`; made on the first write."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.url = self.root.as_uri()

    def put(self, key: str, data: bytes) -> str:
        target = self._path(key)
        with self._replacing(target) as work:
            work.write_bytes(data)
        return _etag(data)

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise NotFoundError(f"object {key!r} does not exist in {self.url}") from None

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        data = self.get(key)
        return data, _etag(data)

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def list(self, prefix: str) -> Iterator[str]:
        base = self._path(prefix) if prefix else self.root
        files = (path for path in base.rglob("*") if path.is_file())
        keys = (path.relative_to(self.root).as_posix() for path in files)
        yield from sorted(key for key in keys if _RESERVED not in key.split("/"))

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def create(self, key: str, data: bytes) -> str:
        with self._locked():
            if self.exists(key):
                raise ConflictError(f"object {key!r} already exists in {self.url}")
            return self.put(key, data)

    def swap(self, key: str, data: bytes, etag: str) -> str:
        with self._locked():
            if not self.exists(key) or self.get_with_etag(key)[1] != etag:
                raise ConflictError(f"object {key!r} in {self.url} was changed by somebody else")
            return self.put(key, data)

    def upload(self, key: str, path: Path) -> None:
        with self._replacing(self._path(key)) as work:
            shutil.copyfile(path, work)

    def download(self, key: str, path: Path) -> None:
        source = self._path(key)
        if not source.is_file():
            raise NotFoundError(f"object {key!r} does not exist in {self.url}")
        shutil.copyfile(source, path)

    def arrow(self) -> "tuple[FileSystem, str]":
        from pyarrow.fs import LocalFileSystem

        self.root.mkdir(parents=True, exist_ok=True)
        return LocalFileSystem(), str(self.root)

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if key.startswith("/") or any(part in ("", ".", "..", _RESERVED) for part in parts):
            raise UsageError(f"object key {key!r} is not allowed: no empty, '.', '..' parts")
        return self.root.joinpath(*parts)

    @contextmanager
    def _replacing(self, target: Path) -> Iterator[Path]:
        folder = self._work_folder()
        try:
            handle, name = tempfile.mkstemp(dir=folder)
            os.close(handle)
            try:
                yield Path(name)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.chmod(name, 0o644)
                os.replace(name, target)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise self._refused(target.name, error) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = os.open(self._work_folder() / "lock", os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise self._refused("lock", error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _work_folder(self) -> Path:
        folder = self.root / _RESERVED
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refused(_RESERVED, error) from error
        return folder

    def _refused(self, name: str, error: OSError) -> UnavailableError:
        return UnavailableError(
            f"object store {self.url}: cannot write {name!r}: {error.strerror}; "
            "check that the folder is writable and the disk not full"
        )


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
