"""Files of records: JSON lines (a BEIR `corpus.jsonl` among them), plain or gzipped, and Parquet.

A record is read again by its place: bytes of a line, or the number of a row. Rows of Parquet are read by
row group and the last one is kept, so sources in the order of their file cost one pass. In a row, an
`Unkept` stands for a value that could not be read or that no document would keep.
"""

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Literal, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.errors import InputError
from data_prep.documents.records.fields import Columns, parse_json
from data_prep.documents.records.metadata import (
    BYTES,
    LONG_NUMBERS,
    MAX_NUMBERS,
    UNREADABLE,
    VECTOR,
    Unkept,
    is_vector_name,
)

Container = Literal["", "lines", "gzip", "parquet"]
CONTAINERS: Mapping[str, Container] = {
    ".jsonl": "lines", ".ndjson": "lines", ".jsonl.gz": "gzip", ".ndjson.gz": "gzip",
    ".parquet": "parquet",
}  # fmt: skip
# what reading a damaged file raises beside InputError
FAULTS = (OSError, EOFError, UnicodeDecodeError, zlib.error, pa.ArrowException)
_BATCH_ROWS = 512
_SAMPLED_LINES = 100
_MAX_EXPANSION = 200  # JSON is rarely packed to less than a fiftieth
_FREE_BYTES = 64 * 1024 * 1024
_READ_AHEAD = 1024 * 1024
_UNDECODABLE = (ValueError, OverflowError, TypeError, pa.ArrowException)


class UnreadableFile(InputError):
    """A file that is damaged as a whole; what it held before is not known to be gone."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record as found: `offset` and `length` read it again, `number` is for people, from 1."""

    number: int
    offset: int
    length: int
    value: Any


def container(name: str) -> Container:
    """What holds records in a file of this name; empty when it is no file of records."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes[-2:]]
    return CONTAINERS.get("".join(suffixes)) or CONTAINERS.get("".join(suffixes[-1:]), "")


def open_lines(file: BinaryIO, kind: Container) -> BinaryIO:
    """The lines of a file, unpacked where it is gzipped."""
    if kind != "gzip":
        return file
    unpacked = cast("io.RawIOBase", gzip.GzipFile(fileobj=file))
    return cast("BinaryIO", io.BufferedReader(unpacked, _READ_AHEAD))  # its own lines are slow


def unpacked_limit(kind: Container, size: int) -> int | None:
    """How many bytes of lines a file of `size` bytes may hold; None for any number."""
    return max(_FREE_BYTES, size * _MAX_EXPANSION) if kind == "gzip" else None


def line_rows(file: BinaryIO, max_bytes: int, limit: int | None = None) -> Iterator[Row]:
    """The lines of a JSON lines file that are not blank; `value` is bytes, None where too long.

    UnreadableFile when there are more than `limit` bytes.
    """
    number = offset = 0
    while line := file.readline(max_bytes + 1):
        number, start = number + 1, offset
        offset += len(line)
        too_long = len(line) > max_bytes
        while too_long and line and not line.endswith(b"\n"):
            line = file.readline(max_bytes)
            offset += len(line)
            _check_limit(offset, limit)
        _check_limit(offset, limit)
        if too_long or line.strip():
            yield Row(number, start, offset - start, None if too_long else line)


def line_columns(file: BinaryIO, max_bytes: int, limit: int | None = None) -> set[str]:
    """Keys of the first records."""
    names: set[str] = set()
    rows = line_rows(file, max_bytes, limit)
    for row, _ in zip(rows, range(_SAMPLED_LINES), strict=False):
        try:
            value = parse_json(row.value or b"")
        except (ValueError, RecursionError):
            continue
        names |= value.keys() if isinstance(value, dict) else set()
    return names


def parquet_rows(opened: pq.ParquetFile, columns: Columns) -> Iterator[Row]:
    """The rows of a Parquet file; `value` is a mapping without columns that no document has."""
    number = 0
    kept = [name for name, reason in _reasons(opened.schema_arrow, columns).items() if not reason]
    for batch in opened.iter_batches(batch_size=_BATCH_ROWS, columns=kept):
        for value in _rows(batch.schema.names, batch.columns):
            yield Row(number + 1, number, 1, value)
            number += 1


def dropped_columns(opened: pq.ParquetFile, columns: Columns) -> dict[str, str]:
    """Columns that are not read at all, and why."""
    reasons = _reasons(opened.schema_arrow, columns)
    return {name: reason for name, reason in reasons.items() if reason}


def open_parquet(file: Any) -> pq.ParquetFile:
    """UnreadableFile when it is no Parquet file."""
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UnreadableFile(f"not readable as Parquet: {error}") from error


class ParquetRows:
    """Single rows of one Parquet file, by their number."""

    def __init__(self, file: Any, columns: Columns) -> None:
        self._file = open_parquet(file)
        reasons = _reasons(self._file.schema_arrow, columns)
        self._kept = [name for name, reason in reasons.items() if not reason]
        self._table: pa.Table | None = None
        self._first = 0  # row of the table in the file
        self._rows: list[dict[str, Any]] = []
        self._start = 0  # of these rows in the file

    def row(self, number: int) -> Mapping[str, Any]:
        """A row from 0; InputError when the file has fewer by now."""
        if not 0 <= number - self._start < len(self._rows):
            self._decode(number)
        return self._rows[number - self._start]

    def _decode(self, number: int) -> None:
        if self._table is None or not 0 <= number - self._first < self._table.num_rows:
            self._load(number)
        assert self._table is not None
        some = self._table.slice(number - self._first, _BATCH_ROWS).combine_chunks()
        columns = [column.combine_chunks() for column in some.columns]
        self._rows, self._start = list(_rows(some.schema.names, columns)), number

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


def _check_limit(offset: int, limit: int | None) -> None:
    if limit is not None and offset > limit:
        raise UnreadableFile(
            f"unpacks to more than {limit >> 20} MiB, {_MAX_EXPANSION} times its size"
        )


def _reasons(schema: pa.Schema, columns: Columns) -> dict[str, str]:
    """Every column, and why no document has it: bytes and vectors are not read at all."""
    named = {columns.text, columns.id, "title", "metadata"}
    return {
        field.name: "" if field.name in named else _reason(field.name, field.type)
        for field in schema
    }


def _reason(name: str, type: pa.DataType) -> str:
    types = pa.types
    binary = (
        types.is_binary,
        types.is_large_binary,
        types.is_fixed_size_binary,
        types.is_binary_view,
    )
    if any(test(type) for test in binary):
        return BYTES
    if _holds_numbers(type):
        if types.is_fixed_size_list(type) and type.list_size > MAX_NUMBERS:
            return LONG_NUMBERS
        return VECTOR if is_vector_name(name) else ""
    return ""


def _holds_numbers(type: pa.DataType) -> bool:
    types = pa.types
    if not any(
        test(type) for test in (types.is_list, types.is_large_list, types.is_fixed_size_list)
    ):
        return False
    return types.is_integer(type.value_type) or types.is_floating(type.value_type)


def _rows(names: list[str], columns: list[pa.Array]) -> Iterator[dict[str, Any]]:
    for row in zip(*(_values(column) for column in columns), strict=True):
        yield dict(zip(names, row, strict=True))


def _values(column: pa.Array) -> list[Any]:
    """A column as Python has it; long lists of numbers never become objects of Python."""
    long: list[int] = []
    if _holds_numbers(column.type):
        mask = pc.fill_null(pc.greater(pc.list_value_length(column), MAX_NUMBERS), False)
        long = pc.indices_nonzero(mask).to_pylist()
        if long:
            column = pc.if_else(mask, pa.scalar(None, column.type), column)
    try:
        values = column.to_pylist(maps_as_pydicts="lossy")
    except _UNDECODABLE:  # one value in it: the others are good
        values = [_value(scalar) for scalar in column]
    for position in long:
        values[position] = Unkept(LONG_NUMBERS)
    return values


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py(maps_as_pydicts="lossy")
    except _UNDECODABLE:
        pass  # such as a date that Python does not have: as text
    try:
        return scalar.cast(pa.string()).as_py()
    except _UNDECODABLE:
        return Unkept(UNREADABLE)
