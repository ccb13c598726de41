"""The sink upserts into a real Milvus: no duplicates on retry, no trouble with empty blocks."""

import numpy as np
import pyarrow as pa
import pytest
from ray.data.datasource import WriteResult

from cluster.records import Chunk
from cluster.settings import IngestSettings, Settings
from cluster.vectors import VectorStore
from data_prep.embed import VECTOR, vector_array, vector_column
from data_prep.sink import MilvusSink
from data_prep.tables import chunk_table

DIMENSION = 8


def rows(first: int, count: int) -> pa.Table:
    texts = [f"Text number {n}." for n in range(first, first + count)]
    chunks = [Chunk(t[12:], "d", "uri", "", t, None, 0, len(t), 3, {"n": t}) for t in texts]
    vectors_NE = np.random.default_rng(first).standard_normal((count, DIMENSION), dtype=np.float32)
    return chunk_table(chunks).append_column(VECTOR, vector_column(vectors_NE))


def test_vectors_survive_their_column() -> None:
    vectors_NE = np.arange(24, dtype=np.float32).reshape(3, 8)
    table = pa.table({VECTOR: vector_column(vectors_NE)})
    assert np.array_equal(vector_array(table.slice(1, 2)[VECTOR]), vectors_NE[1:])


@pytest.mark.slow
def test_retried_task_and_empty_blocks_leave_each_row_once(
    settings: Settings, milvus_uri: str, vectors: VectorStore
) -> None:
    vectors.ensure("sink", DIMENSION)
    milvus = settings.milvus.model_copy(update={"uri": milvus_uri})
    small = settings.model_copy(update={"milvus": milvus, "ingest": IngestSettings(upsert_rows=3)})
    reported: list[int] = []
    sink = MilvusSink(small, "sink", reported.append)
    blocks = [rows(0, 7), pa.table({}), rows(7, 1)]
    written = [sink.write(blocks, None), sink.write(blocks, None)]
    sink.on_write_complete(WriteResult(16, 0, written))
    assert (written, sink.written, reported) == ([8, 8], 16, [3, 3, 1, 1] * 2)
    assert vectors.count("sink") == 8
    assert vectors.chunk_ids("sink") == {f"{n}." for n in range(8)}
