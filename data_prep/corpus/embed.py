"""Chunks -> chunks with vectors: the class of an actor pool, so that the model loads once an actor.

Arrow in, Arrow out; vectors are fixed-size lists of float32 (`vectors_NE`, unit length).
"""

import os

import numpy as np
import pyarrow as pa

from cluster.session import Session
from cluster.settings import Settings
from data_prep.corpus.chunk import titled

VECTOR = "vector"


class EmbedChunks:
    """Callable on batches of chunk rows; adds the column `vector`.

    `threads` because Ray gives an actor one: two made MiniLM 1.8 times as fast on two cores.
    """

    def __init__(self, settings: Settings, threads: int) -> None:
        import torch

        torch.set_num_threads(min(threads, os.cpu_count() or 1))
        self._embedder = Session.for_worker(settings).embedder
        self._tokenizer = self._embedder.tokenizer()

    def __call__(self, batch: pa.Table) -> pa.Table:
        rows = zip(batch["title"].to_pylist(), batch["text"].to_pylist(), strict=True)
        texts = [titled(title, text, self._tokenizer) for title, text in rows]
        vectors_NE = self._embedder.embed_documents(texts)
        return batch.append_column(VECTOR, vector_column(vectors_NE))


def vector_column(vectors_NE: np.ndarray) -> pa.FixedSizeListArray:
    """`vectors_NE` as an Arrow column."""
    flat = pa.array(vectors_NE.astype(np.float32, copy=False).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors_NE.shape[1])


def vector_array(column: pa.ChunkedArray) -> np.ndarray:
    """The Arrow column back as `vectors_NE`."""
    whole = column.combine_chunks()
    return np.asarray(whole.flatten()).reshape(len(whole), -1)
