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
from cluster.settings import Settings
from cluster.vectors import VectorStore
from data_prep.generations import read_chunks
from data_prep.ledger import read_ledger
from tests.documents import mixed_folder
from tests.processes import kill_when
from tests.real_corpus import (
    Built,
    IdleSession,
    collection_of,
    durable_state,
    environment,
    run_ingest,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


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
    assert reasons.keys() == {"broken.pdf", "photo.png"}
    assert "damaged" in reasons["broken.pdf"]
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


@pytest.mark.ray
def test_only_what_changed_is_written_and_lost_vectors_come_back(
    built: Built, index: VectorStore, tmp_path: Path
) -> None:
    settings, before = built.settings, built.durable["rows"]
    folder = mixed_folder(tmp_path / "documents")
    (folder / "lamp.md").write_text("# Lamp manual\n\nThe lamp needs 9 bolts.")
    (folder / "new.txt").write_text("A lamp shade costs 45 euros.")
    (folder / "parts" / "bolts.txt").unlink()
    (folder / "spec.pdf").write_bytes(b"%PDF-1.4 cut off")
    report = run_ingest(settings, folder, "docs")
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

    index.drop(collection)
    healed = run_ingest(settings, folder, "docs")
    assert (healed["documents"]["unchanged"], healed["chunks"]["written"]) == (3, len(after))
    assert index.chunk_ids(collection) == after


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
def test_killed_ingest_ends_as_if_it_had_not_been(built: Built, index: VectorStore) -> None:
    settings, store = built.settings, open_store(built.settings)
    generation = built.first["generation"]
    collection = collection_of("killed", generation)

    def half_embedded() -> bool:
        return index.exists(collection) and index.count(collection) > 0

    environ = environment(settings)
    kill_when(half_embedded, ["ingest", str(built.folder), "--corpus", "killed"], environ)
    assert not store.exists("corpora/killed/live.json")
    report = run_ingest(settings, built.folder, "killed")
    assert report["generation"] == generation
    assert durable_state(settings, "killed", generation) == built.durable
