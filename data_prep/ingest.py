"""Documents -> a generation of a corpus, made live when it is complete.

    list ─▶ plan against the ledger ─▶ stage new documents ─▶ settle the generation's id
         ─▶ embed what Milvus lacks, remove what it should not have, count
         ─▶ ledger, chunk files, manifest ─▶ move the live pointer

Restart rule: run it again. Staged shards are found by name and vectors by chunk id, and the wanted
set of chunks is compared with what Milvus really holds: leftovers of a killed run go, lost rows come
back. A new chunker or embedder is a new collection; the old one stays live until that is complete.
"""

import time
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cluster.errors import ConflictError, InputError
from cluster.keys import corpus_prefix
from cluster.leases import Lease
from cluster.session import Session
from data_prep.generations import chunk_files, of_documents, publish_generation, read_chunks
from data_prep.index import Base, Index, describe_index, find_base, live_generation
from data_prep.ledger import Entries, write_ledger
from data_prep.pipeline import EmbedJob, embed_chunks, stage_documents
from data_prep.plan import Settled, make_plan, settle
from data_prep.sources import Listing, list_sources
from data_prep.staging import Shard, StageTask, Staging, chunk_keys
from data_prep.tables import CHUNKS

_SHOWN_FAILURES = 3


def ingest(session: Session, location: str, corpus: str) -> dict[str, Any]:
    """Bring `corpus` to what `location` holds; returns the report of design §9 and `failures`.

    Raises InputError when no document can be indexed (nothing changes then), BusyError when another
    ingest of the corpus runs.
    """
    started = time.monotonic()
    lock = f"{corpus_prefix(corpus)}/lock"
    listing = list_sources(location, session.settings.ingest, session.settings.store)
    with Lease(session.store, lock, f"ingest of corpus {corpus!r}"):
        report = _Ingest(session, corpus, listing).run()
    return {"corpus": corpus, **report, "seconds": round(time.monotonic() - started, 3)}


@dataclass(frozen=True, slots=True)
class _Target:
    """The chunks of the generation to build: `staged` by this ingest, `carried` from the base."""

    staged: pa.Table
    carried: pa.Table
    shards: tuple[Shard, ...]

    @property
    def chunks(self) -> pa.Table:
        return pa.concat_tables([self.carried, self.staged])


class _Ingest:
    """One run over one corpus, under its lease."""

    def __init__(self, session: Session, corpus: str, listing: Listing) -> None:
        self._session = session
        self._settings = session.settings
        self._store = session.store
        self._corpus = corpus
        self._listing = listing

    def run(self) -> dict[str, Any]:
        """The stages in order; returns counts and failures."""
        base = find_base(self._store, self._settings, self._corpus)
        plan = make_plan(base.entries if base else {}, self._listing)
        if not plan.parse and not _searched(plan.settled):
            raise _nothing(plan.settled)
        if base and base.is_live and plan.is_noop and self._is_whole(base):
            settled = settle(plan, [], base.index.id)
            return _report(settled, 0, base.generation.chunks)
        index = base.index if base else self._new_index()
        staging = Staging(self._store, self._corpus, index.id)
        shards = staging.shards(plan.parse, self._settings.ingest.stage_documents)
        self._stage(index, staging, shards)
        settled = settle(plan, staging.outcomes(shards), index.id)
        if not _searched(settled.entries):
            staging.clear()
            raise _nothing(settled.entries)
        before = self._chunks_of(base)
        carried = of_documents(before, settled.carried)
        target = _Target(staging.chunks(shards), carried, tuple(shards))
        rewritten = staging.leftovers(shards) | changed_rows(before, target.staged)
        written = self._fill(index, target, rewritten, base)
        self._publish(index, settled, target.chunks)
        staging.clear()
        return _report(settled, written, target.chunks.num_rows)

    def _is_whole(self, base: Base) -> bool:
        """Whether Milvus holds the generation and no ingest was killed since."""
        vectors, collection = self._session.vectors, base.generation.collection
        if not vectors.exists(collection):
            return False
        vectors.ensure(collection, base.generation.dimension)
        staging = Staging(self._store, self._corpus, base.index.id)
        return staging.is_clear() and vectors.count(collection) == base.generation.chunks

    def _new_index(self) -> Index:
        dimension = self._session.embedder.dimension
        return describe_index(self._settings, self._corpus, dimension)

    def _chunks_of(self, base: Base | None) -> pa.Table:
        if base is None:
            return CHUNKS.empty_table()
        return read_chunks(self._store, self._corpus, base.generation.generation)

    def _stage(self, index: Index, staging: Staging, shards: list[Shard]) -> None:
        missing = staging.missing(shards)
        if not missing:
            return
        embedder = self._session.embedder
        task = StageTask(
            settings=self._session.worker_settings(),
            tokenizer=staging.put_tokenizer(embedder.tokenizer()),
            max_tokens=embedder.max_tokens,
            fingerprint=index.chunker["fingerprint"],
        )
        stage_documents(self._session, task, missing)

    def _fill(self, index: Index, target: _Target, rewritten: set[str], base: Base | None) -> int:
        """Make the collection hold exactly the target; returns how many rows were embedded."""
        vectors = self._session.vectors
        vectors.ensure(index.collection, index.dimension)
        present = vectors.chunk_ids(index.collection)
        wanted = _ids(target.chunks)
        needed = (wanted - present) | (wanted & rewritten)
        vectors.close()  # servers drop clients that stay idle for as long as embedding may take
        embed_chunks(self._session, self._job(index, target, needed, base))
        vectors.delete(index.collection, sorted(present - wanted))
        count = vectors.count(index.collection)
        if count != len(wanted):
            raise ConflictError(
                f"collection {index.collection!r} holds {count} chunks after the ingest, expected "
                f"{len(wanted)}; nothing was made live: ingest again"
            )
        return len(needed)

    def _job(self, index: Index, target: _Target, needed: set[str], base: Base | None) -> EmbedJob:
        staged = _ids(target.staged)
        files = chunk_keys(target.shards)
        if base and not needed <= staged:  # rows of unchanged documents that Milvus lost
            files += chunk_files(self._store, self._corpus, base.generation.generation)
        only = None if needed == staged and files == chunk_keys(target.shards) else needed
        ids = None if only is None else frozenset(only)
        return EmbedJob(index.collection, tuple(files), ids, len(needed))

    def _publish(self, index: Index, settled: Settled, chunks: pa.Table) -> None:
        manifest = {
            "corpus": self._corpus,
            "generation": settled.generation,
            "index": index.id,
            "collection": index.collection,
            "chunker": dict(index.chunker),
            "embedder": index.embedder,
            "dimension": index.dimension,
            "documents": _searched(settled.entries),
            "chunks": chunks.num_rows,
        }
        write_ledger(self._store, self._corpus, settled.generation, settled.entries.values())
        publish_generation(self._store, chunks, manifest)
        live = live_generation(self._session.corpora, self._corpus)
        expected = live.generation if live else None
        self._session.corpora.move_live(self._corpus, settled.generation, expected)


def changed_rows(before: pa.Table, staged: pa.Table) -> set[str]:
    """Ids of staged chunks that the base has with another title, uri, page or metadata.

    A chunk id does not name those, so the row in Milvus may be the old one and is written again.
    """
    documents = staged["doc_id"].unique().to_pylist()
    known = {row["chunk_id"]: row for row in of_documents(before, documents).to_pylist()}
    rows = staged.to_pylist() if known else []
    return {row["chunk_id"] for row in rows if known.get(row["chunk_id"], row) != row}


def _ids(chunks: pa.Table) -> set[str]:
    return set(chunks["chunk_id"].to_pylist())


def _searched(entries: Entries) -> int:
    """How many documents have chunks in the index."""
    return sum(bool(entry.indexed_hash) for entry in entries.values())


def _nothing(entries: Entries) -> InputError:
    failed = [entry for entry in entries.values() if entry.state == "failed"]
    shown = "; ".join(f"{entry.doc_id}: {entry.reason}" for entry in failed[:_SHOWN_FAILURES])
    return InputError(
        f"no document could be indexed, {len(failed)} failed ({shown}); nothing was changed"
    )


def _report(settled: Settled, written: int, total: int) -> dict[str, Any]:
    listed = sorted(settled.entries.values(), key=lambda entry: entry.doc_id)
    failed = [entry for entry in listed if entry.state == "failed"]
    return {
        "generation": settled.generation,
        "documents": dict(settled.counts),
        "chunks": {"written": written, "total": total},
        "failures": [{"doc_id": e.doc_id, "uri": e.uri, "reason": e.reason} for e in failed],
    }
