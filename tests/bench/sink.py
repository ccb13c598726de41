"""Our Milvus sink against bare `MilvusClient.upsert`: python -m tests.bench.sink [rows] [pairs]

Ready vectors into an embedded Milvus Lite, batches of 1,000, wall time of the calls.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from pymilvus import MilvusClient

from cluster.milvus_lite import EmbeddedMilvus
from cluster.records import Chunk
from cluster.rows import row_of
from cluster.settings import IngestSettings, MilvusSettings, Settings
from cluster.vectors import VectorStore
from data_prep.corpus.embed import VECTOR, vector_column
from data_prep.corpus.sink import MilvusSink
from data_prep.corpus.tables import chunk_table
from tests.bench.measure import paired, report
from tests.bench.texts import sample_texts

_WIDTH = 384


def main(rows: int = 4000, pairs: int = 5) -> None:
    """Print the ratio of rows a second."""
    texts = sample_texts(rows)
    chunks = [
        Chunk(f"c{n:08d}", f"d{n}", f"file:///d{n}", "Title", text, None, 0, len(text), 9)
        for n, text in enumerate(texts)
    ]
    vectors_NE = np.random.default_rng(0).normal(size=(rows, _WIDTH)).astype(np.float32)
    table = chunk_table(chunks).append_column(VECTOR, vector_column(vectors_NE))
    with tempfile.TemporaryDirectory() as home, EmbeddedMilvus(Path(home)) as server:
        settings = Settings(home=Path(home), milvus=MilvusSettings(uri=server.uri))
        store = VectorStore(settings.milvus, server.uri)
        store.ensure("ours", _WIDTH)
        store.ensure("bare", _WIDTH)
        client = MilvusClient(server.uri)
        sink = MilvusSink(settings, "ours", rows)
        step = IngestSettings().upsert_rows

        def bare() -> None:
            for start in range(0, rows, step):
                part = slice(start, start + step)
                pairs_N = zip(chunks[part], vectors_NE[part].tolist(), strict=True)
                client.upsert("bare", [row_of(chunk, vector) for chunk, vector in pairs_N])

        result = paired(bare, lambda: sink.write([table], None), pairs, by="wall_s")
        store.close()
    report("sink", {"rows": rows, "rows_per_call": step, "against_bare_upsert": result})


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
