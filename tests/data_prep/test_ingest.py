"""The life of a corpus, with the real Ray, Milvus and embedder, also when it is killed half-way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.corpora import Corpora
from cluster.embedder import Embedder
from cluster.errors import BusyError, InputError
from cluster.leases import Lease
from cluster.objects import open_store
from cluster.retrieval import Retriever
from cluster.settings import ChunkSettings, MilvusSettings, Settings
from cluster.vectors import VectorStore
from data_prep.corpus.generations import read_chunks
from data_prep.corpus.index import describe_index
from data_prep.corpus.ledger import read_ledger
from tests.documents import mixed_folder, pdf
from tests.processes import kill_when
from tests.real_corpus import (
    Built,
    IdleRay,
    IdleSession,
    collection_of,
    durable_state,
    environment,
    here,
    run_ingest,
    run_retry,
    run_rollback,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def index(home: Settings) -> Iterator[VectorStore]:
    client = VectorStore(home.milvus, home.milvus.uri)
    yield client
    client.close()


@pytest.mark.ray
def test_first_ingest_indexes_everything_and_lists_failures(
    built: Built, index: VectorStore, embedder: Embedder
) -> None:
    report = built.first
    counts = {"added": 4, "changed": 0, "unchanged": 0, "deleted": 0, "failed": 2}
    assert report["documents"] == counts
    assert report["chunks"]["written"] == report["chunks"]["total"] == len(built.durable["rows"])
    reasons = {failure["doc_id"]: failure["reason"] for failure in report["failures"]}
    assert reasons.keys() == {"broken.pdf", "letter.doc"}
    assert "damaged" in reasons["broken.pdf"]
    assert report["ignored"] == {".png": 1, "hidden files": 1}
    assert not [key for key in built.durable["keys"] if key.startswith("staging")]
    generation = Corpora(open_store(built.settings)).generation("docs", report["generation"])
    assert (generation.documents, generation.chunks) == (4, report["chunks"]["total"])
    retriever = Retriever(embedder, index, built.settings.retrieval)
    (hits,) = retriever.retrieve(generation, ["How long does the warranty last?"])
    assert "31 months" in hits[0].chunk.text


@pytest.mark.ray
def test_second_ingest_needs_neither_ray_nor_model(built: Built) -> None:
    first, second = built.first, built.second
    assert second["documents"] == {**first["documents"], "added": 0, "unchanged": 4}
    assert second["chunks"] == {"written": 0, "total": first["chunks"]["total"]}
    assert second["failures"] == first["failures"]
    assert second["generation"] == first["generation"]
    assert second["seconds"] < 2


@pytest.mark.long
@pytest.mark.ray
def test_only_what_changed_is_written_and_lost_vectors_come_back(
    built: Built, index: VectorStore, tmp_path: Path
) -> None:
    settings, before = here(built.settings), built.durable["rows"]
    folder = mixed_folder(tmp_path / "documents")
    (folder / "lamp.md").write_text("# Lamp manual\n\nThe lamp needs 9 bolts.")
    (folder / "new.txt").write_text("A lamp shade costs 45 euros.")
    (folder / "parts" / "bolts.txt").unlink()
    (folder / "spec.pdf").write_bytes(b"%PDF-1.4 cut off")
    report = run_ingest(settings, folder, "docs", replace=True)
    # warranty.html came from another folder with the same content
    expected = {"added": 1, "changed": 1, "unchanged": 1, "deleted": 1, "failed": 3}
    assert report["documents"] == expected
    assert report["chunks"]["written"] == 2
    collection = collection_of("docs", report["generation"])
    after = index.chunk_ids(collection)
    assert (len(after), len(after - before)) == (report["chunks"]["total"], 2)
    rows = read_chunks(open_store(settings), "docs", report["generation"]).to_pylist()
    assert {row["chunk_id"] for row in rows} == after
    # the version of spec.pdf that could be read is still searched
    assert {row["doc_id"] for row in rows} == {"lamp.md", "new.txt", "spec.pdf", "warranty.html"}
    ledger = read_ledger(open_store(settings), "docs", report["generation"])
    states = {name: entry.state for name, entry in ledger.items()}
    assert (states["spec.pdf"], states["parts/bolts.txt"]) == ("failed", "deleted")

    gone = before - after

    def half_back() -> bool:
        return bool(index.chunk_ids(collection) & gone)

    kill_when(half_back, ["corpus", "rollback", "docs"], environment(settings))
    back = run_rollback(settings, "docs", built.first["generation"])
    assert back["generation"] == built.first["generation"]
    assert index.chunk_ids(collection) == before

    index.drop(collection)
    again = run_ingest(settings, folder, "docs", replace=True)
    assert (again["generation"], again["retrieval"]) == (report["generation"], "hybrid")
    assert again["chunks"]["written"] == again["chunks"]["total"] == len(after)
    assert index.chunk_ids(collection) == after


@pytest.mark.long
@pytest.mark.ray
def test_other_chunking_is_built_beside_the_live_generation(
    built: Built, index: VectorStore, embedder: Embedder
) -> None:
    settings, corpora = built.settings, Corpora(open_store(built.settings))
    run_ingest(here(settings), built.folder, "rechunked")
    old = corpora.live("rechunked")
    small = settings.model_copy(update={"chunk": ChunkSettings(tokens=16, overlap=0)})
    new_index = describe_index(small, "rechunked", embedder.dimension)
    retriever = Retriever(embedder, index, settings.retrieval)
    retriever.retrieve(old, ["?"])  # loads the embedder, which would take longer than the build

    def answers_while_half_built() -> bool:
        if not index.exists(new_index.collection) or not index.count(new_index.collection):
            return False
        live = corpora.live("rechunked")
        (hits,) = retriever.retrieve(live, ["How long does the warranty last?"])
        assert (live, "31 months" in hits[0].chunk.text) == (old, True)
        return True

    arguments = ["ingest", str(built.folder), "--corpus", "rechunked"]
    chunking = {"OPENBOOK_CHUNK__TOKENS": "16", "OPENBOOK_CHUNK__OVERLAP": "0"}
    kill_when(answers_while_half_built, arguments, {**environment(settings), **chunking})
    assert corpora.live("rechunked") == old
    assert index.count(old.collection) == old.chunks
    report = run_ingest(here(small), built.folder, "rechunked")
    assert corpora.live("rechunked").collection == new_index.collection
    assert report["chunks"]["total"] > old.chunks
    back = run_rollback(settings, "rechunked", None, IdleRay)
    assert (back["generation"], back["chunks"]["written"]) == (old.generation, 0)


@pytest.mark.endurance
@pytest.mark.ray
def test_server_without_bm25_is_searched_dense_only_and_failed_documents_are_tried_again(
    built: Built, milvus_server: MilvusSettings, embedder: Embedder, tmp_path: Path
) -> None:
    settings = built.settings.model_copy(update={"milvus": milvus_server})
    folder = mixed_folder(tmp_path / "documents")
    report = run_ingest(settings, folder, "remote")
    assert report["retrieval"] == "dense only"
    assert report["chunks"]["written"] == report["chunks"]["total"] > 3
    store = VectorStore(milvus_server, milvus_server.uri)
    generation = Corpora(open_store(settings)).live("remote")
    retriever = Retriever(embedder, store, settings.retrieval)
    (hits,) = retriever.retrieve(generation, ["How long does the warranty last?"])
    assert "31 months" in hits[0].chunk.text

    (folder / "broken.pdf").write_bytes(pdf([["The lamp is 40 cm high."]], "Height"))
    (folder / "lamp.md").write_text("changed, but nobody asked for it")
    retried = run_retry(settings, "remote")
    counts = {"added": 1, "changed": 0, "unchanged": 4, "deleted": 0, "failed": 1}
    assert retried["documents"] == counts
    assert retried["chunks"]["written"] == 1
    ledger = read_ledger(open_store(settings), "remote", retried["generation"])
    assert (ledger["broken.pdf"].attempts, ledger["letter.doc"].attempts) == (1, 2)
    assert store.count(generation.collection) == retried["chunks"]["total"]
    store.close()


def test_nothing_to_index_is_an_error_and_changes_nothing(home: Settings, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"PNG")
    with pytest.raises(InputError, match=r"photo\.png: unsupported format"):
        run_ingest(home, tmp_path, "pictures", IdleSession)
    assert not list(open_store(home).list("corpora/pictures"))


def test_second_ingest_at_once_is_refused(home: Settings, tmp_path: Path) -> None:
    folder = mixed_folder(tmp_path / "documents")
    with (
        Lease(open_store(home), "corpora/busy/lock", "test"),
        pytest.raises(BusyError, match="ingest of corpus 'busy'"),
    ):
        run_ingest(home, folder, "busy", IdleSession)


@pytest.mark.ray
def test_few_documents_are_ingested_without_ray_and_to_the_same_end(built: Built) -> None:
    report = run_ingest(here(built.settings), built.folder, "few", IdleRay)
    assert report["generation"] == built.first["generation"]
    assert durable_state(built.settings, "few", report["generation"]) == built.durable


@pytest.mark.long
@pytest.mark.ray
def test_killed_ingest_ends_as_if_it_had_not_been(built: Built, index: VectorStore) -> None:
    settings, store = built.settings, open_store(built.settings)
    generation = built.first["generation"]
    collection = collection_of("killed", generation)

    def half_embedded() -> bool:
        return index.exists(collection) and index.count(collection) > 0

    environ = environment(settings)
    kill_when(half_embedded, ["ingest", str(built.folder), "--corpus", "killed"], environ)
    assert not store.exists("corpora/killed/live.json")
    report = run_ingest(here(settings), built.folder, "killed")
    assert report["generation"] == generation
    assert durable_state(settings, "killed", generation) == built.durable
