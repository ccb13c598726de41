"""A planned change of a corpus becomes its next generation, live when it is complete.

stage new documents ─▶ settle the generation's id ─▶ embed, prove and make live (`release.py`), with
ledger, chunk files and manifest written before the live pointer moves ─▶ remove generations that
nobody needs (`retention.py`)
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cluster.corpora import Generation
from cluster.errors import InputError
from cluster.session import Session
from data_prep.corpus.generations import chunk_files, describe, publish_generation
from data_prep.corpus.index import Base, Index, describe_index
from data_prep.corpus.ledger import Entries, write_ledger
from data_prep.corpus.local import stage_here
from data_prep.corpus.parts import Part, borders, in_order
from data_prep.corpus.plan import Settled, settle
from data_prep.corpus.release import Release, Target
from data_prep.corpus.retention import Retention
from data_prep.corpus.sources.origins import Origin
from data_prep.corpus.sources.reading import Change
from data_prep.corpus.staging import Shard, StageTask, Staging, chunk_keys, is_small
from data_prep.pipeline import stage_documents

_SHOWN_FAILURES = 3
_STRETCH_ROWS = 50_000  # of chunks that are sorted in memory at once


@dataclass(frozen=True, slots=True)
class Built:
    """What a change came to; `can_undo` says that what was live before is still there."""

    settled: Settled
    generation: Generation
    written: int
    can_undo: bool


class Build:
    """One change of one corpus, under its lease."""

    def __init__(self, session: Session, corpus: str, change: Change) -> None:
        self._session = session
        self._settings = session.settings
        self._store = session.store
        self._corpus = corpus
        self._change = change
        self._base = change.base

    def run(self) -> Built:
        """The stages in order; InputError when nothing can be indexed."""
        base, plan = self._base, self._change.plan
        if not plan.parse and not searched(plan.settled):
            raise _nothing(plan.settled)
        if base and base.is_live and plan.is_noop and self._is_whole(base):
            return self._unchanged(base)
        if not is_small(plan.parse, self._settings.ingest):
            self._warm_up()
        index = base.index if base else self._new_index()
        staging = Staging(self._store, self._corpus, index.id)
        shards = staging.shards(plan.parse, self._settings.ingest.stage_documents)
        self._stage(index, staging, shards)
        settled = settle(plan, staging.outcomes(shards), index.id)
        if not searched(settled.entries):
            staging.clear()
            raise _nothing(settled.entries)
        target = self._target(index, shards, settled)
        return release(self._session, target, settled, self._change.origins, staging)

    def _unchanged(self, base: Base) -> Built:
        """Nothing to do, but to remember when the sources were read."""
        settled, origins = settle(self._change.plan, [], base.index.id), self._change.origins
        write_ledger(
            self._store, self._corpus, settled.generation, settled.entries.values(), origins
        )
        return Built(settled, base.generation, 0, can_undo=False)

    def _warm_up(self) -> None:
        """Load the embedder while Ray starts: each takes seconds, and neither needs the other."""
        with ThreadPoolExecutor(1, "embedder") as pool:
            loading = pool.submit(lambda: self._session.embedder.dimension)
            self._session.start_ray()
            loading.result()

    def _is_whole(self, base: Base) -> bool:
        """Whether Milvus holds the generation and no change was killed since."""
        vectors, collection = self._session.vectors, base.generation.collection
        if not vectors.exists(collection):
            return False
        vectors.ensure(collection, base.generation.dimension)
        live = self._session.corpora.pointer(self._corpus)
        if live is None or not live.settled:
            return False
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
            documents=searched(settled.entries),
            chunks=sum(len(part.digests) for part in parts),
            created="",
        )
        return Target(generation, tuple(parts))


def release(
    session: Session,
    target: Target,
    settled: Settled,
    origins: Iterable[Origin],
    staging: Staging | None = None,
) -> Built:
    """Make a settled generation live and remove what is not needed any more, `staging` among it."""
    corpus = target.generation.corpus
    before = session.corpora.pointer(corpus)
    written = Release(session, target).run(lambda: _publish(session, target, settled, origins))
    retention = Retention(session, corpus)
    if staging is not None:
        retention.drop_abandoned()
        staging.clear()
    kept = retention.collect().kept
    can_undo = before is not None and before.generation in kept.keys() - {settled.generation}
    return Built(settled, target.generation, written, can_undo)


def searched(entries: Entries) -> int:
    """How many documents have chunks in the index."""
    return sum(bool(entry.indexed_hash) for entry in entries.values())


def _publish(session: Session, target: Target, settled: Settled, origins: Iterable[Origin]) -> None:
    """Ledger first: a manifest without it could not be built on."""
    store, corpus, entries = session.store, target.generation.corpus, settled.entries
    write_ledger(store, corpus, settled.generation, entries.values(), origins)
    tables = (table for part in target.parts for table in part.tables(store))
    stretches = borders({name: entry.chunks for name, entry in entries.items()}, _STRETCH_ROWS)
    manifest = describe(target.generation, origins)
    publish_generation(store, in_order(tables, stretches), manifest)


def _nothing(entries: Entries) -> InputError:
    failed = [entry for entry in entries.values() if entry.state == "failed"]
    shown = "; ".join(f"{entry.doc_id}: {entry.reason}" for entry in failed[:_SHOWN_FAILURES])
    return InputError(
        f"no document could be indexed, {len(failed)} failed ({shown}); nothing was changed"
    )
