"""Chunks -> chunks with vectors: the class of an actor pool, so that the model loads once an actor.

Arrow in, Arrow out; vectors are fixed-size lists of float32 (`vectors_NE`, unit length).
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.embedder import Embedder
from cluster.memory import give_back
from cluster.session import Session
from cluster.settings import Settings
from data_prep.corpus.chunk import titled
from data_prep.corpus.tables import get_chunks

VECTOR = "vector"
# oneDNN keeps what it compiled for the last 1,024 shapes, and nearly every batch has a new one
_COMPILED_SHAPES = "32"


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
    """Chunk rows -> `vectors_NE`."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._tokenizer = embedder.tokenizer()

    def embed(self, batches: Iterable[pa.Table]) -> Iterator[tuple[pa.Table, np.ndarray]]:
        """Each batch with its vectors; the next one is read and tokenised meanwhile."""
        read: deque[pa.Table] = deque()

        def groups() -> Iterator[list[str]]:
            for batch in batches:
                read.append(batch)
                yield self._texts(batch)

        for vectors_NE in self._embedder.embed_stream(groups()):
            yield read.popleft(), vectors_NE

    def _texts(self, rows: pa.Table) -> list[str]:
        titles, sections, texts = (rows[n].to_pylist() for n in ("title", "section", "text"))
        fields = zip(titles, sections, texts, strict=True)
        return [titled(title, section, text, self._tokenizer) for title, section, text in fields]


class EmbedChunks:
    """Batches of chunk rows -> the same with the column `vector`, in memory that does not grow with them.

    `threads` because Ray gives an actor one: two made MiniLM 1.8 times as fast on two cores.
    """

    def __init__(self, session: Session, threads: int) -> None:
        import torch

        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _COMPILED_SHAPES)
        torch.set_num_threads(min(threads, os.cpu_count() or 1))
        self._rows = RowEmbedder(session.embedder)

    def embed(self, batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """In their order."""
        for batch, vectors_NE in self._rows.embed(batches):
            give_back()
            yield batch.append_column(VECTOR, vector_column(vectors_NE))


class EmbedFiles:
    """Callable on batches of references to chunk tables; yields their rows with vectors.

    A reference is `key`, an object, and `part`, whose rows of it are meant. Rows are read here and not by
    Ray, which would carry each text through its object store twice; they are embedded `ingest.batch_size`
    at a time, whatever the sizes of the objects, and `report`ed then.
    """

    def __init__(
        self,
        settings: Settings,
        parts: Sequence[Rows],
        threads: int,
        report: Callable[[int], Any],
    ) -> None:
        session = Session.for_worker(settings)
        self._store = session.store
        self._parts = parts
        self._size = settings.ingest.batch_size
        self._chunks = EmbedChunks(session, threads)
        self._report = report

    def __call__(self, references: pa.Table) -> Iterator[pa.Table]:
        batches = batches_of(self._tables(references), self._size)
        for embedded in self._chunks.embed(batches):
            self._report(embedded.num_rows)
            yield embedded

    def _tables(self, references: pa.Table) -> Iterator[pa.Table]:
        for reference in references.to_pylist():
            table = get_chunks(self._store, reference["key"])
            yield self._parts[reference["part"]].of(table)


def references(parts: Sequence[Rows]) -> list[dict[str, Any]]:
    """What `EmbedFiles` is called with for all rows of these parts."""
    return [{"key": key, "part": n} for n, part in enumerate(parts) for key in part.files]


def batches_of(tables: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """The rows of all tables, in order, `size` at a time; the last batch takes the rest."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        waiting.append(table)
        count += table.num_rows
        if count >= size:
            whole = pa.concat_tables(waiting)
            full = count - count % size
            for start in range(0, full, size):
                yield whole.slice(start, size)
            waiting, count = [whole.slice(full)], count - full
    if count:
        yield pa.concat_tables(waiting)


def vector_column(vectors_NE: np.ndarray) -> pa.FixedSizeListArray:
    """`vectors_NE` as an Arrow column."""
    flat = pa.array(vectors_NE.astype(np.float32, copy=False).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors_NE.shape[1])


def vector_array(column: pa.ChunkedArray) -> np.ndarray:
    """The Arrow column back as `vectors_NE`."""
    whole = column.combine_chunks()
    return np.asarray(whole.flatten()).reshape(len(whole), -1)
