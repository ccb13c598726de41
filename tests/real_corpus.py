"""A corpus made with real parts, for tests that look at it from several files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cluster.console import Console
from cluster.corpora import Corpora
from cluster.keys import collection_name
from cluster.objects import open_store
from cluster.session import Session
from cluster.settings import IngestSettings, Settings
from cluster.vectors import VectorStore
from data_prep.corpus.generations import read_chunks
from data_prep.corpus.ingest import ingest, retry
from data_prep.corpus.ledger import read_ledger
from data_prep.corpus.rollback import rollback

INGEST = IngestSettings(
    local_documents=0, local_chunks=0, stage_documents=2, batch_size=2, upsert_rows=2
)
"""Everything on Ray, and in steps small enough to be killed between."""


def here(settings: Settings) -> Settings:
    """The same without Ray, as a few documents are by default."""
    ingest = settings.ingest.model_copy(update={"local_documents": 99, "local_chunks": 99})
    return settings.model_copy(update={"ingest": ingest})


class IdleRay(Session):
    """A session that may not start Ray."""

    def start_ray(self) -> NoReturn:
        raise AssertionError("Ray was started")


class IdleSession(IdleRay):
    """A session that may neither start Ray nor load the embedder."""

    @property
    def embedder(self) -> NoReturn:  # type: ignore[override]
        raise AssertionError("the embedder was loaded")


@dataclass(frozen=True)
class Built:
    """The corpus `docs`: the reports of its first ingest and of a second, what it left in between."""

    settings: Settings
    folder: Path
    first: dict[str, Any]
    second: dict[str, Any]
    durable: dict[str, Any]


def run_ingest(
    settings: Settings,
    source: Path | str,
    corpus: str,
    kind: type[Session] = Session,
    replace: bool = False,
) -> dict[str, Any]:
    """An ingest in this process."""
    return _run(
        settings, kind, lambda session: ingest(session, str(source), corpus, replace=replace)
    )


def run_retry(settings: Settings, corpus: str) -> dict[str, Any]:
    """`corpus retry` in this process."""
    return _run(settings, Session, lambda session: retry(session, corpus))


def run_rollback(
    settings: Settings, corpus: str, generation: str | None, kind: type[Session] = Session
) -> dict[str, Any]:
    """`corpus rollback` in this process."""
    return _run(settings, kind, lambda session: rollback(session, corpus, generation))


def _run(
    settings: Settings, kind: type[Session], command: Callable[[Session], dict[str, Any]]
) -> dict[str, Any]:
    session = kind(settings, Console(quiet=True))
    try:
        return command(session)
    finally:
        session.vectors.close()  # leaving the session would end the Ray that all tests share


def environment(settings: Settings) -> dict[str, str]:
    """What a command needs to work on the same corpora with the same settings."""
    values = settings.ingest.model_dump().items()
    ingest = {f"OPENBOOK_INGEST__{name.upper()}": str(value) for name, value in values}
    home = {"OPENBOOK_HOME": str(settings.home), "OPENBOOK_MILVUS__URI": settings.milvus.uri}
    return {**home, **ingest}


def durable_state(settings: Settings, corpus: str, generation: str) -> dict[str, Any]:
    """Everything that the ingest of one generation leaves, but for the corpus' name and the time."""
    store = open_store(settings)
    keys = [key.removeprefix(f"corpora/{corpus}/") for key in store.list(f"corpora/{corpus}")]
    others = {g.generation for g in Corpora(store).generations(corpus)} - {generation}
    index = VectorStore(settings.milvus, settings.milvus.uri)
    rows = index.chunk_ids(collection_of(corpus, generation))
    index.close()
    return {
        "keys": [key for key in keys if not any(other in key for other in others)],
        "chunks": read_chunks(store, corpus, generation).to_pylist(),
        "ledger": read_ledger(store, corpus, generation),
        "rows": rows,
    }


def collection_of(corpus: str, generation: str) -> str:
    return collection_name(corpus, generation.partition("-")[0])
