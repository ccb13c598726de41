"""What to ingest: a folder, pattern, file, `s3://` prefix or files of records -> a listing of sources.

Listing parses no document. Files are named by the hash of their bytes, objects by the etag that S3 lists,
records by the hash of their fields: an unchanged corpus costs one pass over the disk, or one listing of
the bucket. What cannot become a document (unknown format, unreadable, malformed record) is listed with its
reason and never stops the rest; pictures, styles and scripts beside documents are only counted. A source
is read again by `reading`, in any process that sees the same path.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import quote

import pyarrow as pa

from cluster.errors import InputError
from cluster.settings import IngestSettings, StoreSettings
from data_prep.documents import record_files
from data_prep.documents.formats.kinds import COMPANIONS, SUFFIXES, Format
from data_prep.documents.locations import Found, find, open_bytes
from data_prep.documents.record_files import MAX_ID_BYTES, Columns, Row

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """One document before parsing: `length` bytes at `offset` of the file or object `path`.

    `content_hash` of an object begins with `etag:`. A record of a Parquet file has the number of its row
    as `offset`; records name the columns that hold their text and id.
    """

    doc_id: str
    uri: str
    content_hash: str
    format: Format
    path: str
    offset: int
    length: int
    text_column: str = ""
    id_column: str = ""

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
    """Everything found: sources in the order of their files, so that neighbours are read together.

    `ignored` counts, by suffix, what lay beside documents and is none (`COMPANIONS`).
    """

    sources: tuple[Source, ...]
    failures: tuple[Failure, ...]
    ignored: Mapping[str, int] = field(default_factory=dict)

    @property
    def items(self) -> tuple[Source | Failure, ...]:
        """Sources, then failures."""
        return (*self.sources, *self.failures)


def list_sources(location: str, ingest: IngestSettings, store: StoreSettings) -> Listing:
    """List a location (see `locations.find`); files of records are read when all are such.

    `doc_id` is the path below the folder, the file name, or the record's id. Raises InputError when there
    is nothing to read at all, UnavailableError when S3 does not answer.
    """
    files, ignored = _documents_of(find(location, store))
    if all(_suffix(file.name) in record_files.SUFFIXES for file in files):
        listed = list(_Records(ingest, store).list(files))
    else:
        listed = [_document(file, ingest.max_file_mib) for file in files]
    if not listed:
        raise InputError(f"{location!r} is empty: expected one JSON record a line, or rows")
    sources = [item for item in listed if isinstance(item, Source)]
    failures = sorted((f for f in listed if isinstance(f, Failure)), key=lambda f: f.doc_id)
    return Listing(
        tuple(sorted(sources, key=lambda s: (s.path, s.offset, s.doc_id))),
        tuple(failures),
        dict(ignored.most_common()),
    )


def _documents_of(found: list[Found]) -> tuple[list[Found], Counter[str]]:
    """What is no companion of documents, and how many are; all of them where there is nothing else."""
    kinds = [_suffix(file.name.removesuffix(".gz")) for file in found]
    files = [file for file, kind in zip(found, kinds, strict=True) if kind not in COMPANIONS]
    if not files:
        return found, Counter()
    return files, Counter(kind for kind in kinds if kind in COMPANIONS)


def _document(file: Found, max_file_mib: int) -> Source | Failure:
    doc_id = file.name.encode("utf-8", "replace").decode()
    uri = file.uri.encode("utf-8", "replace").decode()
    if doc_id != file.name or max(len(doc_id.encode()), len(uri.encode()) // 4) > MAX_ID_BYTES:
        reason = f"its path is not valid UTF-8 or too long: {MAX_ID_BYTES} bytes are allowed"
        return Failure(doc_id[:200], uri[:2000], reason)
    format = SUFFIXES.get(_suffix(file.name))
    if format is None:
        return Failure(doc_id, uri, _unsupported(file.name))
    if file.size > max_file_mib * _MIB:
        reason = f"{file.size / _MIB:.0f} MiB, ingest.max_file_mib allows {max_file_mib}"
        return Failure(doc_id, uri, reason)
    try:
        digest = f"etag:{file.etag}" if file.etag else _digest(file.path)
    except OSError as error:
        return Failure(doc_id, uri, f"cannot be read: {error.strerror}")
    return Source(doc_id, uri, digest, format, file.path, 0, file.size)


def _unsupported(name: str) -> str:
    suffix = _suffix(name)
    if suffix in record_files.SUFFIXES:
        return (
            f"a file of records ({suffix}) among documents; ingest such files on their own, by their "
            f"name or a pattern like '*{suffix}'"
        )
    allowed = ", ".join(sorted(SUFFIXES))
    return f"unsupported format ({suffix or 'no suffix'}); allowed are {allowed}"


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Records:
    """The records of all files of a source; an id may occur once in all of them."""

    def __init__(self, ingest: IngestSettings, store: StoreSettings) -> None:
        self._ingest = ingest
        self._store = store
        self._seen: dict[str, str] = {}

    def list(self, files: Sequence[Found]) -> Iterator[Source | Failure]:
        for file in files:
            try:
                with open_bytes(file.path, self._store) as opened:
                    yield from self._file(file, opened)
            except (OSError, pa.ArrowException) as error:
                raise InputError(f"source {file.uri!r} cannot be read: {error}") from error

    def _file(self, file: Found, opened: BinaryIO) -> Iterator[Source | Failure]:
        limit = self._ingest.max_file_mib * _MIB
        if _suffix(file.name) == record_files.PARQUET:
            columns = self._columns(file, record_files.open_parquet(opened).schema_arrow.names)
            rows = record_files.parquet_rows(opened, columns)
        else:
            names = record_files.line_columns(opened, limit)
            if not names and file.size == 0:
                return
            columns = self._columns(file, names)
            opened.seek(0)
            rows = record_files.line_rows(opened, limit)
        yield from self._records(file, rows, columns)

    def _columns(self, file: Found, names: Iterable[str]) -> Columns:
        text, id = self._ingest.text_column, self._ingest.id_column
        return record_files.choose_columns(set(names), text, id, f"source {file.uri!r}")

    def _records(
        self, file: Found, rows: Iterable[Row], columns: Columns
    ) -> Iterator[Source | Failure]:
        unit = "row" if _suffix(file.name) == record_files.PARQUET else "line"
        for row in rows:
            try:
                yield self._record(file, row, columns)
            except InputError as error:
                place = f"{file.name}:{row.number}"
                yield Failure(place, f"{file.uri}#{row.number}", f"{unit} {row.number}: {error}")

    def _record(self, file: Found, row: Row, columns: Columns) -> Source:
        if row.value is None:
            raise InputError(f"longer than ingest.max_file_mib={self._ingest.max_file_mib}")
        if isinstance(row.value, bytes):
            record = record_files.parse_line(row.value, columns)
        else:
            record = record_files.to_record(row.value, columns)
        doc_id = record["_id"]
        if doc_id in self._seen:
            raise InputError(f"its id {doc_id!r} was used by {self._seen[doc_id]}")
        digest = record_files.record_hash(record)
        self._seen[doc_id] = f"{file.name}:{row.number}"
        return Source(
            doc_id,
            _record_uri(file, record),
            digest,
            "record",
            file.path,
            row.offset,
            row.length,
            columns.text,
            columns.id,
        )


def _record_uri(file: Found, record: dict[str, Any]) -> str:
    url = record["metadata"].get("url")
    if isinstance(url, str) and 0 < len(url) < MAX_ID_BYTES:
        return url
    return f"{file.uri}#{quote(record['_id'])[:MAX_ID_BYTES]}"
