"""Embedding and indexing by Ray Data against a plain loop: python -m tests.bench.pipeline [chunks] [pairs]

Both read the same Parquet files from the object store, load the same embedder, use all processors and
upsert into an embedded Milvus Lite. Ray runs already. Processor time of Ray's workers is not seen from
here, so wall time counts: it wants a quiet machine, and a job of half a minute or more.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from cluster.console import Console
from cluster.records import Chunk
from cluster.session import Session
from cluster.settings import RaySettings, Settings
from data_prep.corpus.embed import VECTOR, EmbedChunks, EmbedJob, Rows, vector_array
from data_prep.corpus.tables import chunk_table, chunks_of, get_table, put_table
from data_prep.pipeline import embed_chunks
from tests.bench.measure import cost_of, paired, report
from tests.bench.texts import sample_texts

_FILES = 4


def main(chunks: int = 3000, pairs: int = 3) -> None:
    """Print how fast the pipeline is against the loop."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), ray=RaySettings(num_cpus=os.cpu_count()))
        with Session(settings, Console(quiet=True)) as session:
            files = _write_chunks(session, chunks)
            for collection in ("ours", "loop"):
                session.vectors.ensure(collection, session.embedder.dimension)
            start = cost_of(session.start_ray)
            job = EmbedJob("ours", (Rows(tuple(files), frozenset()),), chunks)

            def loop() -> None:
                _embed_in_a_loop(session, files)

            result = paired(loop, lambda: embed_chunks(session, job), pairs, by="wall_s")
            counts = {name: session.vectors.count(name) for name in ("ours", "loop")}
    report("pipeline", {
        "chunks": chunks,
        "written": counts,
        "pipeline_to_loop": result,
        "start_of_ray_s": round(start.wall_s, 1),
    })  # fmt: skip


def _embed_in_a_loop(session: Session, files: Sequence[str]) -> None:
    """What a person would write without Ray: read, embed, upsert, a file at a time."""
    chunks = EmbedChunks(session, os.cpu_count() or 1)
    step = session.settings.ingest.upsert_rows
    for key in files:
        table = get_table(session.store, key)
        starts = range(0, table.num_rows, step)
        for embedded in chunks.embed(table.slice(start, step) for start in starts):
            vectors_NE = vector_array(embedded[VECTOR])
            session.vectors.upsert("loop", chunks_of(embedded), vectors_NE)


def _write_chunks(session: Session, count: int) -> list[str]:
    """Chunks in a few Parquet files, as ingest stages them; returns their keys."""
    texts = sample_texts(count)
    rows = [
        Chunk(f"c{n:08d}", f"d{n // 4}", "file:///d", "Title", text, None, 0, len(text), 90)
        for n, text in enumerate(texts)
    ]
    keys = [f"bench/{number}.parquet" for number in range(_FILES)]
    for number, key in enumerate(keys):
        put_table(session.store, key, chunk_table(rows[number::_FILES]))
    return keys


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    main(*(int(argument) for argument in sys.argv[1:]))
