"""The last steps of ingest and of rollback: a generation's rows in Milvus, proven, then live.

    embed what the collection lacks ─▶ count ─▶ flush ─▶ probe ─▶ publish ─▶ move the live pointer
         ─▶ delete what the collection should not have ─▶ count

Rows come before the pointer moves and go after it has, so a query finds every chunk of the generation
that it asks for at any moment; until the end it may also find some of the other generation. A kill
leaves such a superset at worst, and the next ingest or rollback finishes the work: what is stored is
compared with what is wanted row by row, by id and digest, whatever happened before.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cluster.corpora import Generation
from cluster.errors import ConflictError, GateError
from cluster.records import Chunk
from cluster.session import Session
from data_prep.corpus.embed import EmbedJob, Rows
from data_prep.corpus.generations import chunk_files
from data_prep.corpus.local import embed_here
from data_prep.corpus.parts import Part
from data_prep.corpus.probe import probe, sample
from data_prep.corpus.tables import chunks_of
from data_prep.pipeline import embed_chunks


@dataclass(frozen=True, slots=True)
class Target:
    """The generation to make live and where its chunks lie; the parts have none in common."""

    generation: Generation
    parts: tuple[Part, ...]


class Release:
    """One generation on its way, under the lease of its corpus."""

    def __init__(self, session: Session, target: Target) -> None:
        self._session = session
        self._generation = target.generation
        self._parts = target.parts
        self._wanted = {
            name: digest for part in target.parts for name, digest in part.digests.items()
        }

    def run(self, publish: Callable[[], None], *, back: bool = False) -> int:
        """Make it live; `publish` makes its record durable. Returns how many rows were embedded.

        GateError when the probe fails: the live generation and its rows are then as before.
        """
        generation = self._generation
        written, extra = self._fill()
        self._session.vectors.flush(generation.collection)
        try:
            probe(self._session, generation, self._sampled())
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
        parts = (_needed_of(part, needed) for part in self._parts)
        job = EmbedJob(collection, tuple(part for part in parts if part.ids), len(needed))
        few = job.rows <= self._session.settings.ingest.local_chunks
        if job.rows:
            (embed_here if few else embed_chunks)(self._session, job)
        self._expect_rows(len(present.keys() | wanted.keys()))
        return len(needed), sorted(present.keys() - wanted.keys())

    def _sampled(self) -> list[Chunk]:
        size = self._session.settings.ingest.probe_chunks
        ids = sample(self._wanted, size, self._generation.generation)
        tables = (table for part in self._parts for table in part.tables(self._session.store, ids))
        return [chunk for table in tables for chunk in chunks_of(table)]

    def _withdraw(self) -> None:
        """Take back the new rows, which queries of the live generation would see."""
        corpus, collection = self._generation.corpus, self._generation.collection
        live = self._session.corpora.pointer(corpus)
        if live is None:
            return
        generation = self._session.corpora.generation(corpus, live.generation)
        if generation.collection == collection:
            files = chunk_files(self._session.store, corpus, generation.generation)
            known = Part.of(self._session.store, files).digests
            self._session.vectors.delete(collection, sorted(self._wanted.keys() - known.keys()))

    def _expect_rows(self, expected: int) -> None:
        collection = self._generation.collection
        count = self._session.vectors.count(collection)
        if count != expected:
            raise ConflictError(
                f"collection {collection!r} holds {count} chunks, expected {expected}: somebody else "
                "writes to it, or Milvus lost rows; run the same command again, it continues"
            )


def _needed_of(part: Part, needed: frozenset[str]) -> Rows:
    ids = needed & part.digests.keys()
    return Rows(part.files, ids, part.everything and len(ids) == len(part.digests))
