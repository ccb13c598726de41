"""Generations made by hand, without Ray: real chunks, vectors, ledgers and manifests."""

from collections.abc import Mapping

import numpy as np

from cluster.console import Console
from cluster.corpora import Generation
from cluster.keys import collection_name, content_id
from cluster.models import model_id
from cluster.records import Chunk
from cluster.session import Session
from cluster.settings import Settings
from data_prep.corpus.generations import describe, publish_generation
from data_prep.corpus.ledger import Entry, write_ledger
from data_prep.corpus.sources.origins import Origin
from data_prep.corpus.tables import chunk_table
from tests.real_corpus import IdleRay

INDEX, OTHER_INDEX = "0123456789ab", "ba9876543210"
OLD = {"lamp": "The lamp needs seven bolts.", "dock": "The dock charges in nine hours."}
NEW = {"lamp": "The lamp needs seven bolts.", "ring": "The ring of light turns amber."}


def rayless(settings: Settings) -> IdleRay:
    """A quiet session that may not start Ray: everything is embedded already."""
    return IdleRay(settings, Console(quiet=True))


def chunks_of_texts(texts: Mapping[str, str]) -> list[Chunk]:
    return [
        Chunk(content_id(name, text), name, f"file:///{name}", "", text, None, 0, len(text), 9)
        for name, text in texts.items()
    ]


def add_rows(
    session: Session, corpus: str, texts: Mapping[str, str], index: str = INDEX, wrong: bool = False
) -> str:
    """Rows of the texts, with vectors of other texts when `wrong`; returns the collection."""
    collection = collection_name(corpus, index)
    embedder = session.embedder
    vectors_NE = embedder.embed_documents(list(texts.values()))
    if wrong:
        vectors_NE = np.tile(embedder.embed_documents(["Something else."]), (len(texts), 1))
    session.vectors.ensure(collection, embedder.dimension)
    session.vectors.upsert(collection, chunks_of_texts(texts), vectors_NE)
    return collection


def generation_of(
    session: Session, corpus: str, texts: Mapping[str, str], index: str = INDEX
) -> Generation:
    """What the generation with these documents is, published or not."""
    return Generation(
        corpus=corpus,
        generation=f"{index}-{content_id(sorted(texts.items()), length=12)}",
        collection=collection_name(corpus, index),
        chunker={"tokens": 32, "overlap": 0},
        embedder=model_id(session.settings.models.embedder),
        dimension=384,
        documents=len(texts),
        chunks=len(texts),
        created="",
    )


def publish_texts(
    session: Session, corpus: str, texts: Mapping[str, str], index: str = INDEX, live: bool = True
) -> Generation:
    """Ledger, chunk files and manifest, and the live pointer moved unless told not to."""
    generation = generation_of(session, corpus, texts, index)
    entries = [
        Entry(
            name, f"file:///{name}", "hash", "indexed", "", "hash", 1, generation.generation,
            sources=("/documents",),
        )
        for name in texts
    ]  # fmt: skip
    failed = Entry(
        "bad.pdf",
        "file:///bad.pdf",
        "hash",
        "failed",
        "damaged",
        attempts=2,
        sources=("/documents",),
    )
    origins = [Origin("/documents")]
    write_ledger(session.store, corpus, generation.generation, [*entries, failed], origins)
    table = chunk_table(chunks_of_texts(texts))
    publish_generation(session.store, table, describe(generation, origins))
    if live:
        pointer = session.corpora.pointer(corpus)
        before = pointer.generation if pointer else None
        session.corpora.move_live(corpus, generation.generation, before)
        session.corpora.settle_live(corpus, generation.generation)
    return generation
