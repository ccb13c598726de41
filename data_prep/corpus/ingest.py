"""Documents -> a generation of a corpus, made live when it is complete.

    list ─▶ plan against the ledger ─▶ stage new documents ─▶ settle the generation's id
         ─▶ embed, prove and make live (`release.py`), with ledger, chunk files and manifest written
            before the live pointer moves ─▶ remove generations that nobody needs (`retention.py`)

Restart rule: run it again. Staged shards are found by name and vectors by chunk id, and the wanted
set of chunks is compared with what Milvus really holds: leftovers of a killed run go, lost rows come
back. A new chunker or embedder is a new collection; the old one stays live until that is complete.
"""

import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cluster.corpora import Generation
from cluster.errors import ConflictError, InputError
from cluster.keys import corpus_prefix
from cluster.leases import Lease
from cluster.session import Session
from data_prep.corpus.generations import chunk_files, describe, publish_generation
from data_prep.corpus.index import Base, Index, describe_index, find_base
from data_prep.corpus.ledger import Entries, Origin, read_origin, write_ledger
from data_prep.corpus.local import stage_here
from data_prep.corpus.parts import Part, borders, in_order
from data_prep.corpus.plan import Plan, Settled, make_plan, make_retry, settle
from data_prep.corpus.release import Release, Target
from data_prep.corpus.retention import Retention
from data_prep.corpus.staging import Shard, StageTask, Staging, chunk_keys, is_small
from data_prep.documents.sources import Listing, list_sources
from data_prep.pipeline import stage_documents

_SHOWN_FAILURES = 3
_STRETCH_ROWS = 50_000  # of chunks that are sorted in memory at once


def ingest(session: Session, location: str, corpus: str) -> dict[str, Any]:
    """Bring `corpus` to what `location` holds; returns the report of design §9, `failures` and `ignored`.

    Raises InputError when no document can be indexed and GateError when the new generation does not
    find its own chunks (nothing changes for queries then), BusyError when the corpus is being changed.
    """
    started = time.monotonic()
    settings = session.settings.ingest
    origin = Origin(_absolute(location), settings.text_column, settings.id_column)
    listing = _list(session, origin)
    with corpus_lease(session, corpus, "ingest"):
        base = find_base(session.store, session.settings, corpus)
        plan = make_plan(base.entries if base else {}, listing)
        report = _Ingest(session, corpus, base, origin).run(plan)
    return _whole_report(corpus, report, listing, started)


def retry(session: Session, corpus: str) -> dict[str, Any]:
    """Try the failed documents of the live generation again, from where they came; as `ingest`.

    Raises ConflictError when chunker or embedder changed since: then all must be ingested again.
    """
    started = time.monotonic()
    live = session.corpora.live(corpus).generation
    with corpus_lease(session, corpus, "retry"):
        base = find_base(session.store, session.settings, corpus)
        origin = read_origin(session.store, corpus, live)
        if base is None or not base.is_live or origin is None:
            raise ConflictError(
                f"corpus {corpus!r} was built with another chunker or embedder than the settings "
                f"say; use `openbook ingest SOURCE --corpus {corpus}`"
            )
        listing = _list(session, origin)
        plan = make_retry(base.entries, listing)
        report = _Ingest(session, corpus, base, origin).run(plan)
    return _whole_report(corpus, report, listing, started)


def corpus_lease(session: Session, corpus: str, work: str) -> Lease:
    """Only one process at a time changes a corpus; BusyError says who does."""
    return Lease(session.store, f"{corpus_prefix(corpus)}/lock", f"{work} of corpus {corpus!r}")


class _Ingest:
    """One run over one corpus, under its lease, on top of `base` (None: a first build)."""

    def __init__(self, session: Session, corpus: str, base: Base | None, origin: Origin) -> None:
        self._session = session
        self._settings = session.settings
        self._store = session.store
        self._corpus = corpus
        self._base = base
        self._origin = origin

    def run(self, plan: Plan) -> dict[str, Any]:
        """The stages in order; returns counts and failures."""
        base = self._base
        if not plan.parse and not _searched(plan.settled):
            raise _nothing(plan.settled)
        if base and base.is_live and plan.is_noop and self._is_whole(base):
            settled = settle(plan, [], base.index.id)
            return self._report(settled, 0, base.generation)
        if not is_small(plan.parse, self._settings.ingest):
            self._warm_up()
        index = base.index if base else self._new_index()
        staging = Staging(self._store, self._corpus, index.id)
        shards = staging.shards(plan.parse, self._settings.ingest.stage_documents)
        self._stage(index, staging, shards)
        settled = settle(plan, staging.outcomes(shards), index.id)
        if not _searched(settled.entries):
            staging.clear()
            raise _nothing(settled.entries)
        target = self._target(index, shards, settled)
        release = Release(self._session, target)
        written = release.run(lambda: self._publish(target, settled))
        retention = Retention(self._session, self._corpus)
        retention.drop_abandoned()
        staging.clear()
        retention.collect()
        return self._report(settled, written, target.generation)

    def _warm_up(self) -> None:
        """Load the embedder while Ray starts: each takes seconds, and neither needs the other."""
        with ThreadPoolExecutor(1, "embedder") as pool:
            loading = pool.submit(lambda: self._session.embedder.dimension)
            self._session.start_ray()
            loading.result()

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
        sources = [source for shard in missing for source in shard.sources]
        here = is_small(sources, self._settings.ingest)
        (stage_here if here else stage_documents)(self._session, task, missing)

    def _target(self, index: Index, shards: list[Shard], settled: Settled) -> Target:
        """The generation to build, from what was staged now and what is carried from the base."""
        parts = [Part.of(self._store, chunk_keys(shards))]
        if self._base is not None:
            files = chunk_files(self._store, self._corpus, self._base.generation.generation)
            parts.append(Part.of(self._store, files, settled.carried))
        generation = Generation(
            corpus=self._corpus,
            generation=settled.generation,
            collection=index.collection,
            chunker=index.chunker,
            embedder=index.embedder,
            dimension=index.dimension,
            documents=_searched(settled.entries),
            chunks=sum(len(part.digests) for part in parts),
            created="",
        )
        return Target(generation, tuple(parts))

    def _publish(self, target: Target, settled: Settled) -> None:
        """Ledger first: a manifest without it could not be built on."""
        entries = settled.entries
        write_ledger(self._store, self._corpus, settled.generation, entries.values(), self._origin)
        tables = (table for part in target.parts for table in part.tables(self._store))
        stretches = borders({name: entry.chunks for name, entry in entries.items()}, _STRETCH_ROWS)
        manifest = describe(target.generation, self._origin)
        publish_generation(self._store, in_order(tables, stretches), manifest)

    def _report(self, settled: Settled, written: int, generation: Generation) -> dict[str, Any]:
        listed = sorted(settled.entries.values(), key=lambda entry: entry.doc_id)
        failed = [entry for entry in listed if entry.state == "failed"]
        return {
            "generation": settled.generation,
            "documents": dict(settled.counts),
            "chunks": {"written": written, "total": generation.chunks},
            "retrieval": self._session.vectors.retrieval(generation.collection),
            "failures": [{"doc_id": e.doc_id, "uri": e.uri, "reason": e.reason} for e in failed],
        }


def _whole_report(
    corpus: str, report: Mapping[str, Any], listing: Listing, started: float
) -> dict[str, Any]:
    seconds = round(time.monotonic() - started, 3)
    return {"corpus": corpus, **report, "ignored": dict(listing.ignored), "seconds": seconds}


def _absolute(location: str) -> str:
    return location if "://" in location else os.path.abspath(location)


def _list(session: Session, origin: Origin) -> Listing:
    columns = {"text_column": origin.text_column, "id_column": origin.id_column}
    settings = session.settings.ingest.model_copy(update=columns)
    return list_sources(origin.location, settings, session.settings.store)


def _searched(entries: Entries) -> int:
    """How many documents have chunks in the index."""
    return sum(bool(entry.indexed_hash) for entry in entries.values())


def _nothing(entries: Entries) -> InputError:
    failed = [entry for entry in entries.values() if entry.state == "failed"]
    shown = "; ".join(f"{entry.doc_id}: {entry.reason}" for entry in failed[:_SHOWN_FAILURES])
    return InputError(
        f"no document could be indexed, {len(failed)} failed ({shown}); nothing was changed"
    )
