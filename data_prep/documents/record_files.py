"""Files of records: JSON lines (a BEIR `corpus.jsonl` among them) and Parquet, one document a row.

A record becomes the four keys of BEIR: `_id`, `title`, `text`, `metadata`. It is read again by its place:
bytes of a line, or the number of a row. Rows of Parquet are read by row group and the last one is kept,
so sources in the order of their file cost one pass.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.errors import InputError
from cluster.keys import content_id

MAX_ID_BYTES = 1000  # primary payload limits of a Milvus row, see cluster/vectors.py
MAX_METADATA_BYTES = 32_000
LINES, PARQUET = (".jsonl", ".ndjson"), ".parquet"
SUFFIXES = (*LINES, PARQUET)
_TEXT = ("text", "content", "body", "passage", "document", "context", "page_content")
_ID = ("_id", "id", "doc_id", "docid", "document_id", "pid", "uuid")
_BATCH_ROWS = 512
_SAMPLED_LINES = 100
_METADATA_CHARS = 300


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a record keeps its text and its id; without an id the text names the record."""

    text: str
    id: str


@dataclass(frozen=True, slots=True)
class Row:
    """One record as found: `offset` and `length` read it again, `number` is for people, from 1."""

    number: int
    offset: int
    length: int
    value: Any


def choose_columns(names: Collection[str], text_column: str, id_column: str, where: str) -> Columns:
    """The named columns, or the usual ones; InputError lists what there is."""
    listed = ", ".join(sorted(names)) or "none"
    for column, option in ((text_column, "--text-column"), (id_column, "--id-column")):
        if column and column not in names:
            raise InputError(f"{where} has no column {column!r} ({option}); its columns: {listed}")
    text = text_column or next((name for name in _TEXT if name in names), "")
    if not text:
        raise InputError(
            f"{where} has no column named {', '.join(_TEXT)}; its columns: {listed}. Say which one holds "
            "the text: --text-column NAME"
        )
    return Columns(text, id_column or next((name for name in _ID if name in names), ""))


def line_rows(file: BinaryIO, max_bytes: int) -> Iterator[Row]:
    """The lines of a JSON lines file that are not blank; `value` is bytes, None where too long."""
    number = offset = 0
    while line := file.readline(max_bytes + 1):
        number, start = number + 1, offset
        offset += len(line)
        too_long = len(line) > max_bytes
        while too_long and line and not line.endswith(b"\n"):
            line = file.readline(max_bytes)
            offset += len(line)
        if too_long or line.strip():
            yield Row(number, start, offset - start, None if too_long else line)


def line_columns(file: BinaryIO, max_bytes: int) -> set[str]:
    """Keys of the first records."""
    names: set[str] = set()
    for row, _ in zip(line_rows(file, max_bytes), range(_SAMPLED_LINES), strict=False):
        try:
            value = json.loads(row.value or b"")
        except (ValueError, RecursionError):
            continue
        names |= value.keys() if isinstance(value, dict) else set()
    return names


def parquet_rows(file: Any, columns: Columns) -> Iterator[Row]:
    """The rows of a Parquet file; `value` is a mapping without columns that no document has."""
    number = 0
    opened = open_parquet(file)
    kept = _kept(opened.schema_arrow, columns)
    for batch in opened.iter_batches(batch_size=_BATCH_ROWS, columns=kept):
        for value in batch.to_pylist():
            yield Row(number + 1, number, 1, value)
            number += 1


def open_parquet(file: Any) -> pq.ParquetFile:
    """InputError when it is no Parquet file."""
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"not readable as Parquet: {error}") from error


class ParquetRows:
    """Single rows of one Parquet file, by their number."""

    def __init__(self, file: Any, columns: Columns) -> None:
        self._file = open_parquet(file)
        self._kept = _kept(self._file.schema_arrow, columns)
        self._first, self._group = 0, -1
        self._table: pa.Table | None = None

    def row(self, number: int) -> Mapping[str, Any]:
        """A row from 0; InputError when the file has fewer by now."""
        if self._table is None or not 0 <= number - self._first < self._table.num_rows:
            self._load(number)
        assert self._table is not None
        (value,) = self._table.slice(number - self._first, 1).to_pylist()
        return value

    def _load(self, number: int) -> None:
        first = 0
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            if number < first + rows:
                self._table = self._file.read_row_group(group, columns=self._kept)
                self._first = first
                return
            first += rows
        raise InputError(f"the file has {first} rows by now, row {number + 1} is gone")


def parse_line(line: bytes, columns: Columns) -> dict[str, Any]:
    """A JSON line as a record; InputError says what is wrong with it."""
    try:
        row = json.loads(line)
        line.decode()
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON in UTF-8 ({error})") from None
    if not isinstance(row, dict):
        raise InputError(f"expected an object, got {type(row).__name__}")
    return to_record(row, columns)


def to_record(row: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """`_id`, `title`, `text` and `metadata` of a row; InputError says what is missing or too long.

    Metadata are the column of that name, else every other column that holds a short plain value.
    """
    text, title = _string(row, columns.text), row.get("title") or ""
    if not isinstance(title, str):
        raise InputError(f"'title' must be text, got {type(title).__name__}")
    record = {
        "_id": _identifier(row, columns.id) if columns.id else "",
        "title": title,
        "text": text,
        "metadata": _metadata(row, columns),
    }
    _check(record)
    return {**record, "_id": record["_id"] or content_id(title, text)}


def record_hash(record: Mapping[str, Any]) -> str:
    """The content hash of a record."""
    return content_id(record, length=64)


def _string(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        got = "nothing" if value is None else type(value).__name__
        raise InputError(f"{name!r} must be text, got {got}")
    return value


def _identifier(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    found = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(found, str) or not found:
        got = "nothing" if value is None else f"{value!r:.40}"
        raise InputError(f"{name!r} must be text or a whole number, got {got}")
    return found


def _metadata(row: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    given = row.get("metadata")
    if given is not None and not isinstance(given, dict):
        raise InputError(f"'metadata' must be an object, got {type(given).__name__}")
    if given is None:
        taken = {columns.text, columns.id, "title", "metadata"}
        given = {name: value for name, value in row.items() if name not in taken and _plain(value)}
    try:
        return json.loads(json.dumps(given, default=str, allow_nan=False))
    except ValueError as error:
        raise InputError(f"'metadata' is not plain JSON ({error})") from None


def _plain(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= _METADATA_CHARS
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    return isinstance(value, bool | int | date)


def _check(record: Mapping[str, Any]) -> None:
    try:
        id_bytes = len(record["_id"].encode())
        metadata_bytes = len(json.dumps(record["metadata"], ensure_ascii=False).encode())
        (record["title"] + record["text"]).encode()
    except UnicodeEncodeError:
        raise InputError("holds half of a surrogate pair, which is not a character") from None
    if id_bytes > MAX_ID_BYTES:
        raise InputError(f"its id has {id_bytes} bytes, allowed are {MAX_ID_BYTES}")
    if metadata_bytes > MAX_METADATA_BYTES:
        raise InputError(f"'metadata' has {metadata_bytes} bytes, allowed are {MAX_METADATA_BYTES}")


def _kept(schema: pa.Schema, columns: Columns) -> list[str]:
    """Columns that a record is made of: long lists (vectors, tokens) are not read at all."""
    named = {columns.text, columns.id, "title", "metadata"}
    nested = pa.types.is_nested
    return [
        field.name
        for field in schema
        if field.name in named or not (nested(field.type) or pa.types.is_binary(field.type))
    ]
