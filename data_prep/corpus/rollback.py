"""A corpus back at an earlier generation, and the removal of a whole corpus.

Generations of one index share a collection: it is brought to exactly the chunks of the one that is
wanted, and only vectors that are gone are embedded again. A generation with a collection of its own is
live at once. The steps and what a kill leaves are those of `release.py`.
"""

import time
from typing import Any

from cluster.corpora import Generation
from cluster.errors import ConflictError
from cluster.keys import collection_name, corpus_prefix
from cluster.models import model_id
from cluster.session import Session
from data_prep.corpus.generations import chunk_files
from data_prep.corpus.ingest import corpus_lease
from data_prep.corpus.parts import Part
from data_prep.corpus.release import Release, Target


def rollback(session: Session, corpus: str, generation: str | None = None) -> dict[str, Any]:
    """Make `generation` live, by default the one that was live before; returns a report.

    After a kill, the same command without a name finishes the change that was interrupted and goes no
    further. Raises BusyError while the corpus is being changed, NotFoundError for an unknown generation,
    ConflictError when there is none before or when it needs another embedder than the settings say.
    """
    started = time.monotonic()
    before = session.corpora.live(corpus).generation
    with corpus_lease(session, corpus, "rollback"):
        target = _choose(session, corpus, generation)
        check_embedder(session, target)
        files = chunk_files(session.store, corpus, target.generation)
        release = Release(session, Target(target, (Part.of(session.store, files),)))
        written = release.run(lambda: None, back=True)
    return {
        "corpus": corpus,
        "generation": target.generation,
        "before": before,
        "documents": target.documents,
        "chunks": {"written": written, "total": target.chunks},
        "seconds": round(time.monotonic() - started, 3),
    }


def delete_corpus(session: Session, corpus: str) -> list[str]:
    """Remove a corpus with all it has; returns its collections. Repeat it after a kill.

    The live pointer goes first, so no reader meets half a corpus; what names the collections goes
    last. Raises NotFoundError when nothing of the corpus exists.
    """
    prefix = corpus_prefix(corpus)
    if next(iter(session.store.list(prefix)), None) is None:
        session.corpora.live(corpus)  # says which corpora there are
    with corpus_lease(session, corpus, "removal"):
        session.corpora.forget(corpus)
        used = {g.collection for g in session.corpora.generations(corpus)}
        staged = {
            key.removeprefix(f"{prefix}/staging/").split("/")[0]
            for key in session.store.list(f"{prefix}/staging")
        }
        collections = sorted(used | {collection_name(corpus, index) for index in staged})
        for collection in collections:
            session.vectors.drop(collection)
        for key in list(session.store.list(prefix)):
            if key != f"{prefix}/lock":
                session.store.delete(key)
    return collections


def _choose(session: Session, corpus: str, generation: str | None) -> Generation:
    live = session.corpora.pointer(corpus)
    if live is None:
        return session.corpora.live(corpus)  # raises, and says which corpora there are
    if generation is not None:
        return session.corpora.generation(corpus, generation)
    if not live.settled:
        return session.corpora.generation(corpus, live.generation)
    known = {found.generation: found for found in session.corpora.generations(corpus)}
    for name in live.history:
        if name in known:
            return known[name]
    raise ConflictError(
        f"corpus {corpus!r} has no generation that was live before {live.generation}; name one of "
        f"`openbook corpus generations {corpus}`: {', '.join(known)}"
    )


def check_embedder(session: Session, generation: Generation) -> None:
    """ConflictError when a generation needs another embedder than the settings say."""
    setting = session.settings.models.embedder
    if model_id(setting) != generation.embedder:
        raise ConflictError(
            f"generation {generation.generation} was embedded with {generation.embedder!r}, "
            f"models.embedder is {setting!r}; set models.embedder to that model, here and where the "
            "corpus is served, and run the command again"
        )
