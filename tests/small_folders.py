"""A corpus made of small folders, looked at from outside."""

from pathlib import Path
from typing import Any

from cluster.session import Session
from data_prep.corpus.generations import read_chunks
from data_prep.corpus.ledger import Entry, read_snapshot

GATE, ROOF, WELL = "The gate opens at seven.", "The roof has nine tiles.", "The well is deep."


def folder(path: Path, **texts: str) -> str:
    """A folder with these `.md` files."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (path / f"{name}.md").write_text(text)
    return str(path)


def documents(session: Session, corpus: str) -> set[str]:
    """The documents that can be found: in the chunks of the live generation, and in Milvus."""
    live = session.corpora.live(corpus)
    chunks = read_chunks(session.store, corpus, live.generation)
    assert session.vectors.chunk_ids(live.collection) == set(chunks["chunk_id"].to_pylist())
    return set(chunks["doc_id"].to_pylist())


def entries(session: Session, corpus: str) -> dict[str, Entry]:
    live = session.corpora.live(corpus).generation
    return dict(read_snapshot(session.store, corpus, live).entries)


def locations(session: Session, corpus: str) -> list[str]:
    live = session.corpora.live(corpus).generation
    return [origin.location for origin in read_snapshot(session.store, corpus, live).origins]


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    order = ("added", "changed", "unchanged", "deleted", "failed")
    return tuple(report["documents"][name] for name in order)
