"""Documents -> a generation of a corpus, made live when it is complete.

    list ─▶ plan against the ledger (`sources/`, `plan.py`) ─▶ stage, settle, release (`build.py`)

A corpus has several sources: an ingest brings one of them to what it holds and leaves the others alone.

Restart rule: run it again. Staged shards are found by name and vectors by chunk id, and the wanted
set of chunks is compared with what Milvus really holds: leftovers of a killed run go, lost rows come
back. A new chunker or embedder is a new collection, for which all sources are read; the old one stays live
until that is complete.
"""

import time
from typing import Any

from cluster.errors import ConflictError
from cluster.keys import corpus_prefix
from cluster.leases import Lease
from cluster.session import Session
from data_prep.corpus.build import Build
from data_prep.corpus.index import find_base
from data_prep.corpus.report import report_built, report_planned
from data_prep.corpus.sources.origins import Origin, normalise
from data_prep.corpus.sources.reading import Change, list_origin, plan_ingest, plan_retry


def ingest(
    session: Session, location: str, corpus: str, *, replace: bool = False
) -> dict[str, Any]:
    """Bring the documents of `location` in `corpus` to what it holds; returns a report (`report.py`).

    A new location is added; with `replace` the documents of all others go. Raises InputError when no
    document can be indexed, when the location holds nothing, or when another source has to be read again
    and is gone; GateError when the new generation does not find its own chunks (nothing changes for
    queries then); BusyError when the corpus is being changed.
    """
    started = time.monotonic()
    origin = _origin(session, location)
    listing = list_origin(session, origin)
    with corpus_lease(session, corpus, "ingest"):
        change = plan_ingest(session, corpus, origin, listing, replace)
        return _run(session, corpus, change, started)


def preview(
    session: Session, location: str, corpus: str, *, replace: bool = False
) -> dict[str, Any]:
    """What `ingest` would do now, as far as a listing tells; nothing is parsed, written or locked."""
    started = time.monotonic()
    origin = _origin(session, location)
    listing = list_origin(session, origin)
    change = plan_ingest(session, corpus, origin, listing, replace)
    return {**report_planned(corpus, change), "seconds": _since(started)}


def retry(session: Session, corpus: str) -> dict[str, Any]:
    """Try the failed documents of the live generation again, from where they came; as `ingest`.

    Raises ConflictError when chunker or embedder changed since: then all must be ingested again.
    """
    started = time.monotonic()
    session.corpora.live(corpus)  # NotFoundError says which corpora there are
    with corpus_lease(session, corpus, "retry"):
        base = find_base(session.store, session.settings, corpus)
        if base is None or not base.is_live or not base.origins:
            raise ConflictError(
                f"corpus {corpus!r} was built with another parser, chunker or embedder than this version "
                f"and its settings have; use `openbook ingest SOURCE --corpus {corpus}`"
            )
        return _run(session, corpus, plan_retry(session, corpus, base), started)


def corpus_lease(session: Session, corpus: str, work: str) -> Lease:
    """Only one process at a time changes a corpus; BusyError says who does."""
    return Lease(session.store, f"{corpus_prefix(corpus)}/lock", f"{work} of corpus {corpus!r}")


def _origin(session: Session, location: str) -> Origin:
    settings = session.settings.ingest
    return Origin(normalise(location), settings.text_column, settings.id_column)


def _run(session: Session, corpus: str, change: Change, started: float) -> dict[str, Any]:
    built = Build(session, corpus, change).run()
    retrieval = session.vectors.retrieval(built.generation.collection)
    report = report_built(corpus, change, built, retrieval)
    return {**report, "seconds": _since(started)}


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
