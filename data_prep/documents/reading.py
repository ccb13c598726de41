"""Reads a source again, in a worker, and only if it is still what was listed."""

import hashlib
import json
from typing import Any

from cluster.errors import InputError, NotFoundError
from cluster.objects import S3Store
from cluster.settings import StoreSettings
from data_prep.documents.listed import Source
from data_prep.documents.locations import open_bytes, open_regular, split_url
from data_prep.documents.records.fields import Columns, parse_line, record_hash, to_record
from data_prep.documents.records.files import FAULTS, ParquetRows, open_lines
from data_prep.documents.uris import S3

_CHANGED = "it changed while it was ingested; ingest again"


class SourceReader:
    """Bytes of sources; keeps the file of the last record open, because neighbours come together."""

    def __init__(self, store: StoreSettings) -> None:
        self._store = store
        self._path = ""
        self._opened: Any = None
        self._file: Any = None
        self._rows: ParquetRows | None = None
        self._buckets: dict[str, S3Store] = {}

    def read(self, source: Source) -> bytes:
        """The document as it was listed, a record as JSON; OSError when it is gone or something else."""
        if source.format == "record":
            return self._record(source)
        if source.path.startswith(S3):
            return self._object(source)
        with open_regular(source.path) as file:
            data = file.read(source.length + 1) or b""  # None where nothing is there yet
        if hashlib.sha256(data).hexdigest() != source.content_hash:
            raise OSError(_CHANGED)
        return data

    def close(self) -> None:
        """Let go of the file."""
        if self._opened is not None:
            self._opened.close()
        self._path, self._opened, self._file, self._rows = "", None, None, None

    def _object(self, source: Source) -> bytes:
        name, key = split_url(source.path)
        bucket = self._buckets.setdefault(name, S3Store(name, "", self._store))
        try:
            data, etag = bucket.get_with_etag(key)
        except NotFoundError as error:
            raise OSError(str(error)) from error
        if f"etag:{etag}" != source.content_hash:
            raise OSError(_CHANGED)
        return data

    def _record(self, source: Source) -> bytes:
        columns = Columns(source.text_column, source.id_column)
        try:
            self._open(source, columns)
            if self._rows is not None:
                record, _ = to_record(self._rows.row(source.offset), columns)
            else:
                self._file.seek(source.offset)
                record, _ = parse_line(self._file.read(source.length), columns)
        except InputError as error:
            raise OSError(_CHANGED) from error
        except FAULTS as error:
            self.close()
            raise OSError(str(error)) from error
        if record_hash(record) != source.content_hash:
            self.close()  # what is open may be what was there before
            raise OSError(_CHANGED)
        return json.dumps(record, ensure_ascii=False).encode()

    def _open(self, source: Source, columns: Columns) -> None:
        if source.path == self._path:
            return
        self.close()
        self._opened = open_bytes(source.path, self._store)
        self._path = source.path
        if source.container == "parquet":
            self._rows = ParquetRows(self._opened, columns)
        else:
            self._file = open_lines(self._opened, source.container)
