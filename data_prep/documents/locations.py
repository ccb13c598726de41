"""Where documents lie: a folder, a glob, a file, or an `s3://` prefix, on whatever machine looks.

Folders and buckets are listed by the same rules: everything below, sorted, nothing hidden; a pattern
(`docs/**/*.md`) is matched against the path below its first plain folders. Nothing is read yet.
"""

import io
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

from cluster.errors import InputError, NotFoundError
from cluster.objects import S3Store
from cluster.settings import StoreSettings
from data_prep.documents.folders import (
    HIDDEN_FILES,
    Findings,
    FolderWalk,
    Found,
    LeftOut,
    Progress,
    refusal,
    special_kind,
)
from data_prep.documents.patterns import Pattern, split_pattern
from data_prep.documents.uris import S3, file_uri, object_uri, path_of

_READ_AHEAD = 4 * 1024 * 1024
# never wait for a writer, never follow a link, never become the terminal's
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY


def find(
    location: str,
    store: StoreSettings,
    follow_links: bool = False,
    progress: Progress | None = None,
) -> Findings:
    """Everything at a location, sorted by name; InputError when there is no such place or nothing in it.

    `store` says how to reach S3, `follow_links` whether links may leave the source (`ingest.follow_links`).
    """
    if location.startswith(S3):
        findings = _objects(location, store, progress)
    else:
        findings = _files(location, follow_links, progress)
    findings.found.sort(key=lambda item: item.name)
    if not (findings.found or findings.left_out):
        counts = ", ".join(f"{count} {kind}" for kind, count in findings.ignored.most_common())
        raise InputError(
            f"source {location!r} holds no files" + (f"; left out: {counts}" if counts else "")
        )
    return findings


def open_bytes(path: str, store: StoreSettings) -> BinaryIO:
    """A file or object to read and to seek in; OSError when it is gone or no regular file."""
    if not path.startswith(S3):
        return open_regular(path)
    bucket, key = split_url(path)
    filesystem, root = S3Store(bucket, "", store).arrow()
    return cast(
        "BinaryIO",
        io.BufferedReader(_Raw(filesystem.open_input_file(f"{root}/{key}")), _READ_AHEAD),
    )


def open_regular(path: str, real: str = "") -> BinaryIO:
    """A regular file to read; OSError when the path is by now a link, a FIFO or the like.

    With `real`, also when what was opened is not the file of that path, which has no links in it.
    """
    opened = os.open(path, _FLAGS)
    try:
        kind = special_kind(os.fstat(opened).st_mode)
        if kind:
            raise OSError(refusal(kind))
        if real and not _is_at(opened, real):
            raise OSError("its place was changed while it was listed; ingest again")
        return open(opened, "rb")
    except OSError:
        os.close(opened)
        raise


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


def _is_at(opened: int, real: str) -> bool:
    try:
        if os.readlink(f"/proc/self/fd/{opened}") == real:
            return True
    except OSError:
        pass  # no such system: ask the path instead
    same = os.path.samestat(os.fstat(opened), os.lstat(real))
    return same and os.path.realpath(real) == real


def _files(location: str, follow_links: bool, progress: Progress | None) -> Findings:
    if "://" in location and not location.startswith("file://"):
        raise InputError(
            f"source {location!r}: allowed are paths of this machine and s3://bucket/prefix"
        )
    path = os.fspath(Path(path_of(location)).absolute())
    base, pattern = path, ""
    if not os.path.exists(path):
        parts, pattern = split_pattern(list(Path(path).parts))
        base = os.path.join(*parts)
    if not (os.path.exists(base) and (pattern or base == path)):
        raise InputError(
            f"source {location!r} does not exist; give a folder, a file, a pattern in quotes, or s3://"
        )
    is_folder = os.path.isdir(base)
    if not os.access(base, os.R_OK | (os.X_OK if is_folder else 0)):
        raise InputError(f"source {location!r} cannot be read: permission denied")
    try:
        if not is_folder:
            return _single(base)
        return FolderWalk(base, Pattern(pattern), follow_links, progress).run()
    except OSError as error:
        raise InputError(f"source {location!r} cannot be read: {error.strerror}") from error


def _single(path: str) -> Findings:
    """A source that is one file, or a link to one: whoever named it means it."""
    real, name, uri = os.path.realpath(path), os.path.basename(path), file_uri(path)
    found = os.stat(path)
    kind = special_kind(found.st_mode)
    if kind:
        return Findings(left_out=[LeftOut(name, uri, refusal(kind), withdrawn=True)])
    opened = real if os.path.islink(path) else path
    return Findings(found=[Found(name, opened, found.st_size, uri, real=real)])


def _objects(location: str, store: StoreSettings, progress: Progress | None) -> Findings:
    bucket, key = split_url(location)
    plain, pattern = split_pattern(key.split("/"))
    base = "/".join(plain).removesuffix("/")
    client = S3Store(bucket, "", store)
    wanted, prefix = Pattern(pattern), f"{base}/" if base else ""
    try:
        listed = _entries(client, prefix, progress)
        if not listed and base and not pattern:  # not a folder: one object
            listed = [item for item in client.entries(base) if item[0] == base]
            prefix = base.removesuffix(base.rpartition("/")[2])
    except NotFoundError as error:
        raise InputError(f"source {location!r} does not exist: {error}") from error
    findings = Findings()
    for key, size, etag in listed:
        name, uri = key.removeprefix(prefix), object_uri(bucket, key)
        if not name or not wanted.matches(name) or (name.endswith("/") and not size):
            continue  # of no concern, or the mark of an empty folder
        if any(part.startswith(".") for part in name.split("/")):
            findings.ignored[HIDDEN_FILES] += 1
        elif name.endswith("/"):
            findings.left_out.append(
                LeftOut(name, uri, "its key ends with '/', as a folder's does")
            )
        else:
            findings.found.append(Found(name, f"{S3}{bucket}/{key}", size, uri, etag))
    return findings


def _entries(client: S3Store, prefix: str, progress: Progress | None) -> list[tuple[str, int, str]]:
    listed = []
    for item in client.entries(prefix):
        listed.append(item)
        if progress is not None and len(listed) % 1000 == 0:
            progress(len(listed), 0)
    return listed
