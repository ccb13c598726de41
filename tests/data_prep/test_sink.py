"""The sink upserts into a real Milvus: no duplicates on retry, large calls, every row counted."""

import numpy as np
import pyarrow as pa
import pytest
from ray.data.datasource import WriteResult

from cluster.errors import ConflictError
from cluster.records import Chunk
from cluster.settings import IngestSettings, Settings
from cluster.vectors import VectorStore
from data_prep.corpus.embed import VECTOR, vector_array, vector_column
from data_prep.corpus.parts import digests_of
from data_prep.corpus.sink import MilvusSink, batches
from data_prep.corpus.tables import chunk_table

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


def small(settings: Settings, uri: str) -> Settings:
    milvus = settings.milvus.model_copy(update={"uri": uri})
    return settings.model_copy(update={"milvus": milvus, "ingest": IngestSettings(upsert_rows=3)})


@pytest.mark.slow
def test_retried_task_and_empty_blocks_leave_each_row_once(
    settings: Settings, milvus_uri: str, vectors: VectorStore
) -> None:
    vectors.ensure("sink", DIMENSION)
    sink = MilvusSink(small(settings, milvus_uri), "sink", expected=8)
    blocks = [rows(0, 7), pa.table({}), rows(7, 1)]
    assert [sink.write(blocks, None), sink.write(blocks, None)] == [8, 8]
    assert vectors.count("sink") == 8
    assert vectors.chunk_ids("sink") == {f"{n}." for n in range(8)}
    assert vectors.digests("sink") == digests_of(pa.concat_tables([rows(0, 7), rows(7, 1)]))


def test_task_without_rows_writes_nothing(settings: Settings) -> None:
    nowhere = small(settings, "http://127.0.0.1:9")
    assert MilvusSink(nowhere, "sink", expected=0).write([pa.table({})], None) == 0


def test_rows_that_went_missing_are_an_error(settings: Settings) -> None:
    sink = MilvusSink(settings, "sink", expected=9)
    sink.on_write_complete(WriteResult(2, 0, [8, 1]))
    with pytest.raises(
        ConflictError, match="8 chunks were written to collection 'sink', expected 9"
    ):
        sink.on_write_complete(WriteResult(1, 0, [8]))


def test_small_blocks_travel_together_and_large_rows_apart() -> None:
    blocks = [rows(n, 1) for n in range(7)] + [pa.table({})]
    assert [table.num_rows for table in batches(blocks, 3)] == [3, 3, 1]
    text = pa.array(["x" * 20_000_000] * 3)
    assert [table.num_rows for table in batches([pa.table({"text": text})], 3)] == [1, 1, 1]


def test_ray_is_asked_for_large_writes(settings: Settings) -> None:
    assert MilvusSink(settings, "sink", 1).min_rows_per_write >= 1000
