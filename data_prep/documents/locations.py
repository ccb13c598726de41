"""Where documents lie: a folder, a glob, a file, or an `s3://` prefix, on whatever machine looks.

Folders and buckets are listed by the same rules: everything below, sorted, nothing hidden; a pattern
(`docs/**/*.md`) is matched against the path below its first plain folders.
"""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from cluster.errors import InputError, NotFoundError
from cluster.objects import S3Store
from cluster.settings import StoreSettings

S3 = "s3://"
_MAGIC = re.compile(r"[*?\[]")
_READ_AHEAD = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A file or an object: `name` is relative to the source, `path` opens it. Files have no `etag`."""

    name: str
    path: str
    size: int
    etag: str = ""

    @property
    def uri(self) -> str:
        """For citations."""
        return self.path if self.path.startswith(S3) else f"file://{self.path}"


def find(location: str, store: StoreSettings) -> list[Found]:
    """Everything at a location, sorted by name; InputError when there is no such place or nothing in it.

    `store` says how to reach S3; nothing is read yet.
    """
    listed = _objects(location, store) if location.startswith(S3) else _files(location)
    found = sorted(listed, key=lambda item: item.name)
    if not found:
        raise InputError(f"source {location!r} holds no files; hidden ones are left out")
    return found


def open_bytes(path: str, store: StoreSettings) -> BinaryIO:
    """A file or object to read and to seek in; OSError when it is gone."""
    if not path.startswith(S3):
        return open(path, "rb")
    bucket, key = split_url(path)
    filesystem, root = S3Store(bucket, "", store).arrow()
    return cast(
        "BinaryIO",
        io.BufferedReader(_Raw(filesystem.open_input_file(f"{root}/{key}")), _READ_AHEAD),
    )


def split_url(url: str) -> tuple[str, str]:
    """`s3://bucket/key` -> bucket and key; InputError without a bucket."""
    bucket, _, key = url.removeprefix(S3).partition("/")
    if not bucket:
        raise InputError(f"source {url!r} names no bucket; give s3://bucket/prefix")
    return bucket, key


class _Raw(io.RawIOBase):
    """A file of pyarrow as Python's buffered reader wants it."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return cast("int", self._file.readinto(buffer))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._file.seek(offset, whence)
        return cast("int", self._file.tell())

    def tell(self) -> int:
        return cast("int", self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _files(location: str) -> Iterator[Found]:
    if "://" in location and not location.startswith("file://"):
        raise InputError(
            f"source {location!r}: allowed are paths of this machine and s3://bucket/prefix"
        )
    path = Path(location.removeprefix("file://")).absolute()
    base, pattern = path, ""
    if not path.exists():
        base, pattern = _split_pattern(path)
    if not (base.exists() and (pattern or base == path)):
        raise InputError(
            f"source {location!r} does not exist; give a folder, a file, a pattern in quotes, or s3://"
        )
    if not os.access(base, os.R_OK | (os.X_OK if base.is_dir() else 0)):
        raise InputError(f"source {location!r} cannot be read: permission denied")
    if base.is_file():
        yield _file(base, base.name)
        return
    wanted = _translate(pattern)
    for file in _walk(base):
        name = file.relative_to(base).as_posix()
        if wanted.fullmatch(name):
            yield _file(file, name)


def _file(path: Path, name: str) -> Found:
    try:
        return Found(name, str(path), path.stat().st_size)
    except OSError:
        return Found(name, str(path), 0)  # opening it will say what is wrong


def _walk(folder: Path) -> Iterator[Path]:
    """Files below the folder; hidden files and folders are left out."""

    def refuse(error: OSError) -> None:
        raise InputError(f"folder {error.filename!r} cannot be read: {error.strerror}") from error

    for root, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in files if not name.startswith("."))


def _split_pattern(path: Path) -> tuple[Path, str]:
    """The folder before the first part with a wildcard, and the rest; no rest without a wildcard."""
    parts = path.parts
    first = next((n for n, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
    return Path(*parts[:first]), "/".join(parts[first:])


def _translate(pattern: str) -> re.Pattern[str]:
    """A glob as an expression: `**/` is any folders, `*` and `?` stay inside one; empty is everything."""
    tokens = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    out = []
    for token in re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^\]]+\]|.", pattern, re.DOTALL):
        if len(token) > 2 and token.startswith("["):
            negated = token[1] == "!"
            inside = token[2:-1] if negated else token[1:-1]
            out.append(f"[{'^/' if negated else ''}{inside.replace(chr(92), chr(92) * 2)}]")
        else:
            out.append(tokens.get(token) or re.escape(token))
    try:
        return re.compile("".join(out) if pattern else ".*", re.DOTALL)
    except re.error as error:
        raise InputError(f"pattern {pattern!r} is not valid: {error}") from error


def _objects(location: str, store: StoreSettings) -> Iterator[Found]:
    bucket, key = split_url(location)
    parts = key.split("/")
    first = next((n for n, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
    base, pattern = "/".join(parts[:first]).strip("/"), "/".join(parts[first:])
    client = S3Store(bucket, "", store)
    wanted, prefix = _translate(pattern), f"{base}/" if base else ""
    try:
        listed = list(client.entries(prefix))
        if not listed and base and not pattern:  # not a folder: one object
            listed = [item for item in client.entries(base) if item[0] == base]
            prefix = base.removesuffix(base.rpartition("/")[2])
    except NotFoundError as error:
        raise InputError(f"source {location!r} does not exist: {error}") from error
    for name, size, etag in ((item[0].removeprefix(prefix), *item[1:]) for item in listed):
        hidden = any(part.startswith(".") for part in name.split("/"))
        if name and not name.endswith("/") and not hidden and wanted.fullmatch(name):
            yield Found(name, f"{S3}{bucket}/{prefix}{name}", size, etag)
