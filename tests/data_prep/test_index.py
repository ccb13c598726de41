"""An ingest builds on the newest generation of its own index, and a new index is a new collection."""

import pytest

from cluster.corpora import Corpora
from cluster.objects import LocalStore
from cluster.records import Chunk
from cluster.settings import ChunkSettings, Settings
from data_prep.corpus.generations import publish_generation, read_chunks
from data_prep.corpus.index import describe_index, find_base
from data_prep.corpus.ledger import Entry, write_ledger
from data_prep.corpus.tables import chunk_table, chunks_of

LARGE = Settings()
SMALL = Settings(chunk=ChunkSettings(tokens=64))


def build(store: LocalStore, settings: Settings, content: str, live: str | None = None) -> str:
    """A generation by hand, made live in place of `live`."""
    index = describe_index(settings, "docs", 8)
    generation = f"{index.id}-{content}"
    manifest = {
        "corpus": "docs", "generation": generation, "collection": index.collection,
        "chunker": dict(index.chunker), "embedder": index.embedder, "dimension": 8,
        "documents": 1, "chunks": 1,
    }  # fmt: skip
    write_ledger(store, "docs", generation, [Entry("a", "file:///a", content, "indexed")])
    chunks = [Chunk(f"{n}", "a", "uri", "", "text", None, n, n + 4, 1) for n in (4, 0)]
    publish_generation(store, chunk_table(chunks), manifest)
    Corpora(store).move_live("docs", generation, live)
    return generation


def test_new_corpus_has_no_base(store: LocalStore) -> None:
    assert find_base(store, LARGE, "docs") is None


def test_live_generation_of_the_same_index_is_the_base(store: LocalStore) -> None:
    first = build(store, LARGE, "1")
    second = build(store, LARGE, "2", first)
    base = find_base(store, LARGE, "docs")
    assert base is not None
    assert (base.generation.generation, base.is_live) == (second, True)
    assert base.entries["a"].content_hash == "2"


def test_other_chunking_starts_afresh_and_going_back_does_not(store: LocalStore) -> None:
    large = build(store, LARGE, "1")
    assert find_base(store, SMALL, "docs") is None
    small = build(store, SMALL, "1", large)
    collections = {g.collection for g in Corpora(store).generations("docs")}
    assert len(collections) == 2
    base = find_base(store, LARGE, "docs")
    assert base is not None
    assert (base.generation.generation, base.is_live) == (large, False)
    assert small != large


def test_lost_ledger_means_building_from_the_source(store: LocalStore) -> None:
    generation = build(store, LARGE, "1")
    store.delete(f"corpora/docs/ledger/{generation}.parquet")
    assert find_base(store, LARGE, "docs") is None


@pytest.mark.parametrize("corpus", ["docs", "other-docs"])
def test_chunks_of_a_generation_are_sorted(store: LocalStore, corpus: str) -> None:
    generation = build(store, LARGE, corpus)
    assert [c.start for c in chunks_of(read_chunks(store, "docs", generation))] == [0, 4]
