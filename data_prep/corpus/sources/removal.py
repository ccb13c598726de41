"""A corpus without one of its sources: no document is read again, so the source may be gone."""

import time
from typing import Any

from cluster.corpora import Generation
from cluster.errors import InputError
from cluster.session import Session
from data_prep.corpus.build import release, searched
from data_prep.corpus.generations import chunk_files
from data_prep.corpus.ingest import corpus_lease
from data_prep.corpus.ledger import read_snapshot
from data_prep.corpus.parts import Part
from data_prep.corpus.plan import Settled, make_plan, settle
from data_prep.corpus.release import Target
from data_prep.corpus.report import count_gone
from data_prep.corpus.rollback import check_embedder
from data_prep.corpus.sources.origins import find_origin


def remove_source(session: Session, corpus: str, location: str) -> dict[str, Any]:
    """Make a version live that lacks the documents that only `location` lists; returns a report.

    It is built on the live generation, whatever the settings of chunking say. Raises NotFoundError for an
    unknown source, InputError for the last one, ConflictError when the live generation has another
    embedder, BusyError while the corpus is being changed.
    """
    started = time.monotonic()
    session.corpora.live(corpus)
    with corpus_lease(session, corpus, "removal of a source"):
        live = session.corpora.live(corpus)
        ledger = read_snapshot(session.store, corpus, live.generation)
        removed = find_origin(corpus, ledger.origins, location)
        origins = tuple(origin for origin in ledger.origins if origin is not removed)
        plan = make_plan(ledger.entries, {}, {origin.location for origin in origins})
        settled = settle(plan, [], live.generation.partition("-")[0])
        if not searched(settled.entries):
            raise InputError(
                f"no document of corpus {corpus!r} would be left without source {removed.location}; "
                f"`openbook corpus delete {corpus}` removes the whole corpus"
            )
        check_embedder(session, live)
        built = release(session, _target(session, live, settled), settled, origins)
    return {
        "corpus": corpus,
        "source": removed.location,
        "generation": settled.generation,
        "before": live.generation,
        "documents": dict(settled.counts),
        "chunks": {"written": built.written, "total": built.generation.chunks},
        "sources": [origin.location for origin in origins],
        "gone": count_gone(plan.gone),
        **({"undo": f"openbook corpus rollback {corpus}"} if built.can_undo else {}),
        "seconds": round(time.monotonic() - started, 3),
    }


def _target(session: Session, live: Generation, settled: Settled) -> Target:
    files = chunk_files(session.store, live.corpus, live.generation)
    part = Part.of(session.store, files, settled.carried)
    generation = Generation(
        corpus=live.corpus,
        generation=settled.generation,
        collection=live.collection,
        chunker=live.chunker,
        embedder=live.embedder,
        dimension=live.dimension,
        documents=searched(settled.entries),
        chunks=len(part.digests),
        created="",
    )
    return Target(generation, (part,))
