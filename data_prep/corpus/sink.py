"""Ray Data's way into Milvus: upsert only, so a retried task or a re-run cannot duplicate a row.

A sink travels to its tasks by pickle: it holds settings and opens its client inside `write`. Ray
passes blocks without rows and without a schema to sinks; they are skipped.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
from ray import data as ray_data
from ray.data.block import Block, BlockAccessor
from ray.data.datasource import WriteResult

from cluster.errors import ConflictError
from cluster.session import Session
from cluster.settings import Settings
from data_prep.corpus.embed import VECTOR, vector_array
from data_prep.corpus.tables import chunks_of

_CALL_BYTES = 32 * 1024 * 1024  # Milvus refuses calls of more than 64 MiB


class MilvusSink(ray_data.Datasink[int]):
    """Writes chunk rows with vectors to one collection; `expected` is how many there must be.

    Ray gathers at least `ingest.upsert_rows` for a task as long as there are so many, because Milvus
    takes few large calls much faster than many small ones.
    """

    def __init__(self, settings: Settings, collection: str, expected: int) -> None:
        self._settings = settings
        self._collection = collection
        self._expected = expected

    @property
    def min_rows_per_write(self) -> int:
        return self._settings.ingest.upsert_rows

    def write(self, blocks: Iterable[Block], ctx: Any) -> int:
        """Upsert the rows of one task; returns how many."""
        with Session.for_worker(self._settings) as session:
            return sum(
                session.vectors.upsert(
                    self._collection, chunks_of(table), vector_array(table[VECTOR])
                )
                for table in batches(blocks, self._settings.ingest.upsert_rows)
            )

    def on_write_complete(self, write_result: WriteResult[int]) -> None:
        """Add up the tasks, on the driver; ConflictError when rows are missing."""
        written = sum(write_result.write_returns)
        if written != self._expected:
            raise ConflictError(
                f"{written} chunks were written to collection {self._collection!r}, expected "
                f"{self._expected}; nothing was made live: run the same command again"
            )


def batches(blocks: Iterable[Block], rows: int) -> Iterator[pa.Table]:
    """The rows of all blocks in tables of `rows`, fewer where they are large; the last takes the rest."""
    tables = (BlockAccessor.for_block(block).to_arrow() for block in blocks)
    full = [table for table in tables if table.num_rows]
    if not full:
        return
    whole = pa.concat_tables(full)
    fitting = max(1, int(_CALL_BYTES / max(1, whole.nbytes / whole.num_rows)))
    size = min(rows, fitting)
    for start in range(0, whole.num_rows, size):
        yield whole.slice(start, size)
