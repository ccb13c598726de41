"""The last steps of ingest and of rollback: a generation's rows in Milvus, proven, then live.

    embed what the collection lacks ─▶ count ─▶ probe ─▶ publish ─▶ move the live pointer
         ─▶ delete what the collection should not have ─▶ count

Rows come before the pointer moves and go after it has, so a query finds every chunk of the generation
that it asks for at any moment; until the end it may also find some of the other generation. A kill
leaves such a superset at worst, and the next ingest or rollback finishes the work: what is stored is
compared with what is wanted row by row, by id and digest, whatever happened before.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from cluster.corpora import Generation
from cluster.errors import ConflictError, GateError
from cluster.rows import row_digest
from cluster.session import Session
from data_prep.generations import read_chunks
from data_prep.pipeline import EmbedJob, Rows, embed_chunks
from data_prep.probe import probe

_DIGESTED = ("uri", "title", "page", "metadata")


@dataclass(frozen=True, slots=True)
class Target:
    """The generation to make live and its chunks; `parts` are the objects that hold them."""

    generation: Generation
    chunks: pa.Table
    parts: tuple[Rows, ...]


class Release:
    """One generation on its way, under the lease of its corpus."""

    def __init__(self, session: Session, target: Target) -> None:
        self._session = session
        self._generation = target.generation
        self._target = target
        self._wanted = digests_of(target.chunks)

    def run(self, publish: Callable[[], None], *, back: bool = False) -> int:
        """Make it live; `publish` makes its record durable. Returns how many rows were embedded.

        GateError when the probe fails: the live generation and its rows are then as before.
        """
        generation, settings = self._generation, self._session.settings.ingest
        written, extra = self._fill()
        try:
            probe(self._session.retriever, generation, self._target.chunks, settings)
        except GateError:
            self._withdraw()
            raise
        publish()
        corpora = self._session.corpora
        live = corpora.pointer(generation.corpus)
        expected = live.generation if live else None
        corpora.move_live(generation.corpus, generation.generation, expected, back=back)
        self._session.vectors.delete(generation.collection, extra)
        self._expect_rows(len(self._wanted))
        corpora.settle_live(generation.corpus, generation.generation)
        return written

    def _fill(self) -> tuple[int, list[str]]:
        """Embed what the collection lacks; how many rows that were, and the rows to delete later."""
        vectors, collection = self._session.vectors, self._generation.collection
        vectors.ensure(collection, self._generation.dimension)
        present, wanted = vectors.digests(collection), self._wanted
        needed = frozenset(name for name, digest in wanted.items() if present.get(name) != digest)
        vectors.close()  # servers drop clients that stay idle for as long as embedding may take
        parts = (part.only_of(needed) for part in self._target.parts)
        job = EmbedJob(collection, tuple(part for part in parts if part.ids), len(needed))
        embed_chunks(self._session, job)
        self._expect_rows(len(present.keys() | wanted.keys()))
        return len(needed), sorted(present.keys() - wanted.keys())

    def _withdraw(self) -> None:
        """Take back the new rows, which queries of the live generation would see."""
        corpus, collection = self._generation.corpus, self._generation.collection
        live = self._session.corpora.pointer(corpus)
        if live is None:
            return
        generation = self._session.corpora.generation(corpus, live.generation)
        if generation.collection == collection:
            chunks = read_chunks(self._session.store, corpus, generation.generation)
            strange = self._wanted.keys() - set(chunks["chunk_id"].to_pylist())
            self._session.vectors.delete(collection, sorted(strange))

    def _expect_rows(self, expected: int) -> None:
        collection = self._generation.collection
        count = self._session.vectors.count(collection)
        if count != expected:
            raise ConflictError(
                f"collection {collection!r} holds {count} chunks, expected {expected}: somebody else "
                "writes to it, or Milvus lost rows; run the same command again, it continues"
            )


def digests_of(chunks: pa.Table) -> dict[str, str]:
    """`chunk_id` -> `digest` of the rows that a chunk table becomes."""
    columns = (chunks[name].to_pylist() for name in _DIGESTED)
    digests = (row_digest(*fields) for fields in zip(*columns, strict=True))
    return dict(zip(chunks["chunk_id"].to_pylist(), digests, strict=True))
