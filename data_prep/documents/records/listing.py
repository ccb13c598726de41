"""Files of records -> a source a record; an id may occur once in all of them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from cluster.errors import InputError
from cluster.settings import IngestSettings
from data_prep.documents.folders import Found
from data_prep.documents.listed import Failure, Source
from data_prep.documents.records.fields import (
    Columns,
    choose_columns,
    parse_line,
    record_hash,
    to_record,
)
from data_prep.documents.records.files import (
    Container,
    Row,
    container,
    dropped_columns,
    line_columns,
    line_rows,
    open_lines,
    open_parquet,
    parquet_rows,
    unpacked_limit,
)
from data_prep.documents.records.metadata import clean_text
from data_prep.documents.uris import fragment, web_uri

_MAX_KINDS = 50
_SHOWN_COLUMN = 80
_OTHERS = "other columns that are not kept as metadata"


class RecordLister:
    """Lists files of records; counts in `ignored`, by column and reason, what no document keeps."""

    def __init__(self, ingest: IngestSettings, ignored: Counter[str]) -> None:
        self._ingest = ingest
        self._max_bytes = ingest.max_file_mib * 1024 * 1024
        self._ignored = ignored
        self._kinds: set[str] = set()
        self._seen: dict[str, str] = {}

    def take(self, doc_id: str, place: str) -> None:
        """Say that something else has this id."""
        self._seen[doc_id] = place

    def list(self, file: Found, opened: BinaryIO) -> Iterator[Source | Failure]:
        """The records of a file; InputError when it as a whole cannot be used, else see `files.FAULTS`."""
        kind = container(file.name)
        if kind == "parquet":
            rows, columns = self._parquet(opened)
        else:
            limit = unpacked_limit(kind, file.size)
            lines = open_lines(opened, kind)
            names = line_columns(lines, self._max_bytes, limit)
            if not names and not lines.seek(0) and not lines.read(1):
                return
            columns = self._columns(names)
            lines.seek(0)
            rows = line_rows(lines, self._max_bytes, limit)
        yield from self._records(file, kind, rows, columns)

    def _parquet(self, opened: BinaryIO) -> tuple[Iterator[Row], Columns]:
        table = open_parquet(opened)
        columns = self._columns(table.schema_arrow.names)
        for name, reason in dropped_columns(table, columns).items():
            self._unkept(name, reason, table.metadata.num_rows)
        return parquet_rows(table, columns), columns

    def _columns(self, names: Iterable[str]) -> Columns:
        return choose_columns(set(names), self._ingest.text_column, self._ingest.id_column)

    def _records(
        self, file: Found, kind: Container, rows: Iterable[Row], columns: Columns
    ) -> Iterator[Source | Failure]:
        unit = "row" if kind == "parquet" else "line"
        for row in rows:
            try:
                record = self._record(row, columns)
                yield self._source(file, kind, row, record, columns)
            except InputError as error:
                place = f"{file.name}:{row.number}"
                reason = clean_text(f"{unit} {row.number}: {error}")
                yield Failure(place, f"{file.uri}#{row.number}", reason)

    def _record(self, row: Row, columns: Columns) -> dict[str, Any]:
        if row.value is None:
            raise InputError(f"longer than ingest.max_file_mib={self._ingest.max_file_mib}")
        read = parse_line if isinstance(row.value, bytes) else to_record
        record, unkept = read(row.value, columns)
        for name, reason in unkept:
            self._unkept(name, reason)
        return record

    def _source(
        self, file: Found, kind: Container, row: Row, record: dict[str, Any], columns: Columns
    ) -> Source:
        doc_id = record["_id"]
        if doc_id in self._seen:
            raise InputError(f"its id {doc_id!r} was used by {self._seen[doc_id]}")
        self._seen[doc_id] = f"{file.name}:{row.number}"
        return Source(
            doc_id=doc_id,
            uri=web_uri(record["metadata"].get("url")) or fragment(file.uri, doc_id, row.number),
            content_hash=record_hash(record),
            format="record",
            path=file.path,
            offset=row.offset,
            length=row.length,
            text_column=columns.text,
            id_column=columns.id,
            container=kind,
        )

    def _unkept(self, name: str, reason: str, records: int = 1) -> None:
        kind = f"column {clean_text(name)[:_SHOWN_COLUMN]} is not kept as metadata ({reason})"
        if kind not in self._kinds and len(self._kinds) == _MAX_KINDS:
            kind = _OTHERS
        else:
            self._kinds.add(kind)
        self._ignored[kind] += records
