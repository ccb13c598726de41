"""Rows of a Parquet file, each decoded when it is asked for: a set may be larger than memory."""

import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.errors import UnavailableError

_ROWS = 1000  # decompressed at once while copying
Record = TypeVar("Record")


class MappedRows(Sequence[Record]):
    """`make` of every row of `parquet`, in order, at any place.

    An uncompressed copy is mapped into memory and its name removed: the kernel loads and drops pages as
    they are needed, and frees the disk when the process ends, however it ends. UnavailableError when the
    disk has no room for it.
    """

    def __init__(self, parquet: Path, make: Callable[[dict[str, Any]], Record]) -> None:
        self._make = make
        self._ends: list[int] = []  # of each batch, in rows
        try:
            with tempfile.NamedTemporaryFile(prefix="openbook-rows-") as copy:
                self._copy(parquet, copy.name)
                self._batches = pa.ipc.open_file(pa.memory_map(copy.name))
        except OSError as error:
            raise UnavailableError(
                f"cannot copy the rows of {parquet.name!r} to {tempfile.gettempdir()!r}: {error}; make room "
                "there, or let TMPDIR name a larger disk"
            ) from error

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Record]:
        for number in range(len(self._ends)):
            yield from map(self._make, self._batches.get_batch(number).to_pylist())

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        if isinstance(place, slice):
            return [self._row(at) for at in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(f"row {place} of {len(self)}")
        return self._row(place % len(self))

    def _row(self, place: int) -> Record:
        number = bisect_right(self._ends, place)
        start = self._ends[number - 1] if number else 0
        (row,) = self._batches.get_batch(number).slice(place - start, 1).to_pylist()
        return self._make(row)

    def _copy(self, parquet: Path, target: str) -> None:
        # pre_buffer would keep what was read until all is
        with pq.ParquetFile(parquet, pre_buffer=False) as source:
            schema = source.schema_arrow
            with pa.OSFile(target, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
                for batch in source.iter_batches(_ROWS):
                    writer.write_batch(batch)
                    self._ends.append(len(self) + batch.num_rows)
