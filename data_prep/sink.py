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

from cluster.session import Session
from cluster.settings import Settings
from data_prep.embed import VECTOR, vector_array
from data_prep.tables import chunks_of


class MilvusSink(ray_data.Datasink[int]):
    """Writes chunk rows with vectors to one collection; `written` is the number after the job.

    `report` is called on the worker with the rows of each upsert, for a progress bar.
    """

    def __init__(self, settings: Settings, collection: str, report: Any = None) -> None:
        self._settings = settings
        self._collection = collection
        self._report = report
        self.written = 0

    def write(self, blocks: Iterable[Block], ctx: Any) -> int:
        """Upsert the rows of one task; returns how many."""
        written = 0
        with Session.for_worker(self._settings) as session:
            for table in _slices(blocks, self._settings.ingest.upsert_rows):
                vectors_NE = vector_array(table[VECTOR])
                rows = session.vectors.upsert(self._collection, chunks_of(table), vectors_NE)
                written += rows
                if self._report is not None:
                    self._report(rows)
        return written

    def on_write_complete(self, write_result: WriteResult[int]) -> None:
        """Add up the tasks, on the driver."""
        self.written = sum(write_result.write_returns)


def _slices(blocks: Iterable[Block], rows: int) -> Iterator[pa.Table]:
    for block in blocks:
        table = BlockAccessor.for_block(block).to_arrow()
        for start in range(0, table.num_rows, rows):
            yield table.slice(start, rows)
