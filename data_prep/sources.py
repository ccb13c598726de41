"""What to ingest: a folder, one file, or a BEIR `corpus.jsonl` -> a listing of sources.

Listing reads and hashes bytes but parses no document, so an unchanged corpus costs one pass over
the disk. What cannot become a document (unknown format, unreadable, malformed record) is listed
with its reason and never stops the rest. A source is picked up again by any process that sees the
same path.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from cluster.errors import InputError
from cluster.keys import content_id

Format = Literal["markdown", "html", "pdf", "text", "record"]
FORMATS: dict[str, Format] = {
    ".md": "markdown", ".markdown": "markdown", ".txt": "text",
    ".html": "html", ".htm": "html", ".pdf": "pdf",
}  # fmt: skip
RECORDS = ".jsonl"
_MAX_ID_BYTES = 1000  # primary payload limits of a Milvus row, see cluster/vectors.py
_MAX_METADATA_BYTES = 32_000
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """One document before parsing: `length` bytes at `offset` of the file `path`."""

    doc_id: str
    uri: str
    content_hash: str
    format: Format
    path: str
    offset: int
    length: int

    def read(self) -> bytes:
        """The document's bytes; OSError when the file is gone."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            return file.read(self.length)

    def as_row(self) -> dict[str, Any]:
        """Plain fields, for a trip to another process."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Failure:
    """Something at the source that did not become a document."""

    doc_id: str
    uri: str
    reason: str
    content_hash: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything found, sorted by `doc_id`."""

    sources: tuple[Source, ...]
    failures: tuple[Failure, ...]


def list_sources(location: str, max_file_mib: int) -> Listing:
    """List a folder (recursive), a file, or a BEIR `corpus.jsonl`.

    `doc_id` is the path relative to the folder, the file name, or the record's `_id`. Raises
    InputError when there is nothing to read at all.
    """
    path = _existing(location)
    if path.is_file() and path.suffix.lower() == RECORDS:
        found = list(_records(path))
    elif path.is_file():
        found = [_file(path, path.name, max_file_mib)]
    else:
        files = list(_walk(path))
        if not files:
            raise InputError(f"folder {location!r} holds no files; {_allowed()}")
        found = [_file(file, file.relative_to(path).as_posix(), max_file_mib) for file in files]
    if not found:
        raise InputError(f"{location!r} is empty: expected one JSON record a line")
    sources = sorted((s for s in found if isinstance(s, Source)), key=lambda s: s.doc_id)
    failures = sorted((f for f in found if isinstance(f, Failure)), key=lambda f: f.doc_id)
    return Listing(tuple(sources), tuple(failures))


def _existing(location: str) -> Path:
    if "://" in location and not location.startswith("file://"):
        raise InputError(
            f"source {location!r}: only paths of this machine can be read; copy the documents "
            "into a folder first"
        )
    path = Path(location.removeprefix("file://")).absolute()
    if not path.exists():
        raise InputError(
            f"source {location!r} does not exist; give a folder, a file, or a corpus.jsonl"
        )
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise InputError(f"source {location!r} cannot be read: permission denied")
    return path


def _walk(folder: Path) -> Iterator[Path]:
    """Files below the folder in a stable order; hidden files and folders are left out."""

    def refuse(error: OSError) -> None:
        raise InputError(f"folder {error.filename!r} cannot be read: {error.strerror}") from error

    for root, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(files) if not name.startswith("."))


def _file(path: Path, doc_id: str, max_file_mib: int) -> Source | Failure:
    readable = doc_id.encode("utf-8", "replace").decode()
    uri = "file://" + str(path).encode("utf-8", "replace").decode()
    if readable != doc_id or max(len(doc_id.encode()), len(uri.encode()) // 4) > _MAX_ID_BYTES:
        reason = f"its path is not valid UTF-8 or too long: {_MAX_ID_BYTES} bytes are allowed"
        return Failure(readable[:200], uri[:2000], reason)
    format = FORMATS.get(path.suffix.lower())
    if format is None:
        suffix = path.suffix or "no suffix"
        return Failure(doc_id, uri, f"unsupported format ({suffix}); {_allowed()}")
    try:
        size = path.stat().st_size
        if size > max_file_mib * _MIB:
            reason = f"{size / _MIB:.0f} MiB, ingest.max_file_mib allows {max_file_mib}"
            return Failure(doc_id, uri, reason)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return Failure(doc_id, uri, f"cannot be read: {error.strerror}")
    return Source(doc_id, uri, digest, format, str(path), 0, size)


def _records(path: Path) -> Iterator[Source | Failure]:
    """One source a line of a BEIR corpus; `metadata.url` is its uri where there is one."""
    first_line: dict[str, int] = {}
    offset = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            start, offset = offset, offset + len(line)
            if not line.strip():
                continue
            uri = f"file://{path}#{number}"
            try:
                record = read_record(line)
                digest = content_id(record, length=64)
            except InputError as error:
                yield Failure(f"{path.name}:{number}", uri, f"line {number}: {error}")
                continue
            doc_id = record["_id"]
            if doc_id in first_line:
                reason = f"line {number}: _id {doc_id!r} was used on line {first_line[doc_id]}"
                yield Failure(f"{path.name}:{number}", uri, reason)
                continue
            first_line[doc_id] = number
            uri = _record_uri(path, record)
            yield Source(doc_id, uri, digest, "record", str(path), start, len(line))


def _record_uri(path: Path, record: dict[str, Any]) -> str:
    url = record["metadata"].get("url")
    if isinstance(url, str) and 0 < len(url) < _MAX_ID_BYTES:
        return url
    return f"file://{path}#{quote(record['_id'])[:_MAX_ID_BYTES]}"


def read_record(line: bytes) -> dict[str, Any]:
    """A BEIR record with its four keys, checked; InputError says what is wrong."""
    try:
        record = json.loads(line)
        line.decode()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not valid JSON in UTF-8 ({error})") from None
    if not isinstance(record, dict):
        raise InputError(f"expected an object, got {type(record).__name__}")
    fields: dict[str, tuple[type, Any]] = {
        "_id": (str, None),
        "title": (str, ""),
        "text": (str, None),
        "metadata": (dict, {}),
    }
    for name, (kind, default) in fields.items():
        value = record.get(name, default)
        if not isinstance(value, kind):
            got = "nothing" if value is None else type(value).__name__
            raise InputError(
                f"{name!r} must be {'an object' if kind is dict else 'text'}, got {got}"
            )
    checked = {name: record.get(name, default) for name, (_, default) in fields.items()}
    _check_sizes(checked)
    return checked


def _check_sizes(record: dict[str, Any]) -> None:
    try:
        id_bytes = len(record["_id"].encode())
        metadata_bytes = len(json.dumps(record["metadata"], ensure_ascii=False).encode())
        (record["title"] + record["text"]).encode()
    except UnicodeEncodeError:
        raise InputError("holds half of a surrogate pair, which is not a character") from None
    if not 0 < id_bytes <= _MAX_ID_BYTES:
        raise InputError(f"'_id' must have 1 to {_MAX_ID_BYTES} bytes, got {id_bytes}")
    if metadata_bytes > _MAX_METADATA_BYTES:
        raise InputError(
            f"'metadata' has {metadata_bytes} bytes, allowed are {_MAX_METADATA_BYTES}"
        )


def _allowed() -> str:
    return f"allowed are {', '.join(sorted(FORMATS))}, and a BEIR corpus{RECORDS} on its own"
