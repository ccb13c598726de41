"""Chunks -> chunks with vectors: the class of an actor pool, so that the model loads once an actor.

Arrow in, Arrow out; vectors are fixed-size lists of float32 (`vectors_NE`, unit length).
"""

import os
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.embedder import Embedder
from cluster.session import Session
from cluster.settings import Settings
from data_prep.corpus.chunk import titled

VECTOR = "vector"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of chunk tables in the object store: those with `ids`, which are all when `everything`."""

    files: tuple[str, ...]
    ids: frozenset[str]
    everything: bool = True

    def of(self, table: pa.Table) -> pa.Table:
        """Those of a table's rows that are meant."""
        if self.everything:
            return table
        wanted = pa.array(sorted(self.ids), pa.string())
        return table.filter(pc.is_in(table["chunk_id"], value_set=wanted))


@dataclass(frozen=True, slots=True)
class EmbedJob:
    """Chunks to embed and upsert: `parts` have no chunk in common, `rows` in all."""

    collection: str
    parts: tuple[Rows, ...]
    rows: int


class RowEmbedder:
    """Callable: chunk rows -> `vectors_NE`."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._tokenizer = embedder.tokenizer()

    def __call__(self, rows: pa.Table) -> np.ndarray:
        pairs = zip(rows["title"].to_pylist(), rows["text"].to_pylist(), strict=True)
        texts = [titled(title, text, self._tokenizer) for title, text in pairs]
        return self._embedder.embed_documents(texts)


class EmbedChunks:
    """Callable on batches of chunk rows; adds the column `vector`.

    `threads` because Ray gives an actor one: two made MiniLM 1.8 times as fast on two cores.
    """

    def __init__(self, settings: Settings, threads: int) -> None:
        import torch

        torch.set_num_threads(min(threads, os.cpu_count() or 1))
        self._embed = RowEmbedder(Session.for_worker(settings).embedder)

    def __call__(self, batch: pa.Table) -> pa.Table:
        return batch.append_column(VECTOR, vector_column(self._embed(batch)))


def vector_column(vectors_NE: np.ndarray) -> pa.FixedSizeListArray:
    """`vectors_NE` as an Arrow column."""
    flat = pa.array(vectors_NE.astype(np.float32, copy=False).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors_NE.shape[1])


def vector_array(column: pa.ChunkedArray) -> np.ndarray:
    """The Arrow column back as `vectors_NE`."""
    whole = column.combine_chunks()
    return np.asarray(whole.flatten()).reshape(len(whole), -1)
