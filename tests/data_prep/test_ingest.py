"""The life of a corpus, with the real Ray, Milvus and embedder, also when it is killed half-way."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from cluster.console import Console
from cluster.corpora import Corpora, Generation
from cluster.errors import BusyError, InputError
from cluster.keys import collection_name
from cluster.leases import Lease
from cluster.objects import open_store
from cluster.session import Session
from cluster.settings import ChunkSettings, IngestSettings, MilvusSettings, Settings
from cluster.vectors import VectorStore
from data_prep.generations import read_chunks
from data_prep.ingest import ingest
from data_prep.ledger import read_ledger
from tests.documents import mixed_folder

pytestmark = [pytest.mark.slow]
INGEST = IngestSettings(stage_documents=2, batch_size=2, upsert_rows=2)


class IdleSession(Session):
    """A session that may neither start Ray nor load the embedder."""

    def start_ray(self) -> NoReturn:
        raise AssertionError("Ray was started")

    @property
    def embedder(self) -> NoReturn:  # type: ignore[override]
        raise AssertionError("the embedder was loaded")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, milvus_uri: str) -> Settings:
    folder = tmp_path_factory.mktemp("ingest")
    return Settings(home=folder, milvus=MilvusSettings(uri=milvus_uri), ingest=INGEST)


@pytest.fixture(scope="module")
def documents(home: Settings) -> Path:
    return mixed_folder(home.home / "documents")


@pytest.fixture(scope="module")
def first(home: Settings, documents: Path, ray_cluster: None) -> dict[str, Any]:
    """The report of the first ingest; `ray_cluster` keeps one Ray for all runs of this process."""
    return run(home, documents)


@pytest.fixture
def index(home: Settings) -> Iterator[VectorStore]:
    client = VectorStore(home.milvus, home.milvus.uri)
    yield client
    client.close()


def run(
    settings: Settings, source: Path, corpus: str = "docs", kind: type[Session] = Session
) -> Any:
    session = kind(settings, Console(quiet=True))
    try:
        return ingest(session, str(source), corpus)
    finally:
        session.vectors.close()  # leaving the session would end the Ray that all tests share


def live(settings: Settings, corpus: str = "docs") -> Generation:
    return Session(settings, Console(quiet=True)).corpora.live(corpus)


def durable(settings: Settings, corpus: str, generation: str, index: VectorStore) -> dict[str, Any]:
    """Everything that the ingest of one generation leaves, but for the corpus' name and the time."""
    store = open_store(settings)
    keys = [key.removeprefix(f"corpora/{corpus}/") for key in store.list(f"corpora/{corpus}")]
    others = {g.generation for g in Corpora(store).generations(corpus)} - {generation}
    return {
        "keys": [key for key in keys if not any(other in key for other in others)],
        "chunks": read_chunks(store, corpus, generation).to_pylist(),
        "ledger": read_ledger(store, corpus, generation),
        "rows": index.chunk_ids(collection_of(corpus, generation)),
    }


def collection_of(corpus: str, generation: str) -> str:
    return collection_name(corpus, generation.partition("-")[0])


def kill_when(happened: Callable[[], bool], settings: Settings, source: Path, corpus: str) -> None:
    """Run the command line and kill it, with no chance to clean up, as soon as `happened`."""
    ingest = {f"OPENBOOK_INGEST__{k.upper()}": str(v) for k, v in INGEST.model_dump().items()}
    home = {"OPENBOOK_HOME": str(settings.home), "OPENBOOK_MILVUS__URI": settings.milvus.uri}
    command = [sys.executable, "-m", "cluster", "ingest", str(source), "--corpus", corpus]
    process = subprocess.Popen(
        command, env={**os.environ, **home, **ingest}, cwd=settings.home, stderr=subprocess.PIPE
    )
    while not happened():
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.02)
    process.kill()
    process.communicate()


@pytest.mark.ray
def test_first_ingest_indexes_everything_and_lists_failures(
    home: Settings, first: dict[str, Any], index: VectorStore
) -> None:
    counts = {"added": 4, "changed": 0, "unchanged": 0, "deleted": 0, "failed": 2}
    assert first["documents"] == counts
    assert first["chunks"]["written"] == first["chunks"]["total"] >= 4
    reasons = {failure["doc_id"]: failure["reason"] for failure in first["failures"]}
    assert reasons.keys() == {"broken.pdf", "photo.png"}
    assert "damaged" in reasons["broken.pdf"]
    generation = live(home)
    assert generation.generation == first["generation"]
    assert index.count(generation.collection) == generation.chunks == first["chunks"]["total"]
    hits = Session(home, Console(quiet=True)).retriever.retrieve(
        generation, ["How long is the warranty?"]
    )
    assert "31 months" in hits[0][0].chunk.text
    assert not list(open_store(home).list("corpora/docs/staging"))


@pytest.mark.ray
def test_second_ingest_needs_neither_ray_nor_model(
    home: Settings, documents: Path, first: dict[str, Any]
) -> None:
    second = run(home, documents, kind=IdleSession)
    assert second["documents"] == {**first["documents"], "added": 0, "unchanged": 4}
    assert second["chunks"] == {"written": 0, "total": first["chunks"]["total"]}
    assert second["failures"] == first["failures"]
    assert second["generation"] == first["generation"]
    assert second["seconds"] < 2


@pytest.mark.ray
def test_only_what_changed_is_written_and_what_went_is_removed(
    home: Settings, first: dict[str, Any], index: VectorStore, tmp_path: Path
) -> None:
    folder = mixed_folder(tmp_path / "documents")
    assert run(home, folder, "life")["generation"] == first["generation"]
    before = index.chunk_ids(live(home, "life").collection)
    (folder / "lamp.md").write_text("# Lamp manual\n\nThe lamp needs 9 bolts.")
    (folder / "new.txt").write_text("A lamp shade costs 45 euros.")
    (folder / "parts" / "bolts.txt").unlink()
    (folder / "spec.pdf").write_bytes(b"%PDF-1.4 cut off")
    report = run(home, folder, "life")
    expected = {"added": 1, "changed": 1, "unchanged": 1, "deleted": 1, "failed": 3}
    assert report["documents"] == expected
    assert report["chunks"]["written"] == 2
    after = index.chunk_ids(live(home, "life").collection)
    ledger = read_ledger(open_store(home), "life", report["generation"])
    assert ledger["spec.pdf"].chunks > 0  # the version before is still searched
    assert len(after) == report["chunks"]["total"]
    rows = read_chunks(open_store(home), "life", report["generation"]).to_pylist()
    assert {row["chunk_id"] for row in rows} == after
    assert {row["doc_id"] for row in rows} == {"lamp.md", "new.txt", "spec.pdf", "warranty.html"}
    assert len(after - before) == 2

    index.drop(live(home, "life").collection)  # the vectors are lost, the objects are not
    healed = run(home, folder, "life")
    assert healed["documents"]["unchanged"] == 3
    assert healed["chunks"]["written"] == len(after)
    assert index.chunk_ids(live(home, "life").collection) == after


@pytest.mark.ray
def test_other_chunking_is_another_collection_and_the_old_one_stays(
    home: Settings, documents: Path, first: dict[str, Any], index: VectorStore
) -> None:
    before = live(home)
    smaller = home.model_copy(update={"chunk": ChunkSettings(tokens=16, overlap=0)})
    report = run(smaller, documents)
    now = live(home)
    assert report["documents"]["added"] == 4
    assert now.collection != before.collection
    assert index.count(before.collection) == before.chunks
    back = run(home, documents, kind=IdleSession)  # all of it is there still
    assert back["generation"] == before.generation == live(home).generation


def test_nothing_to_index_is_an_error_and_changes_nothing(home: Settings, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"PNG")
    with pytest.raises(InputError, match=r"photo\.png: unsupported format"):
        run(home, tmp_path, "pictures", IdleSession)
    assert not list(open_store(home).list("corpora/pictures"))


def test_second_ingest_at_once_is_refused(home: Settings, documents: Path) -> None:
    with (
        Lease(open_store(home), "corpora/busy/lock", "test"),
        pytest.raises(BusyError, match="ingest of corpus 'busy'"),
    ):
        run(home, documents, "busy", IdleSession)


@pytest.mark.ray
@pytest.mark.timeout(180)
def test_killed_ingest_ends_as_if_it_had_not_been(
    home: Settings, documents: Path, first: dict[str, Any], index: VectorStore
) -> None:
    store, collection = open_store(home), collection_of("killed", first["generation"])

    def staged() -> bool:
        return any("outcomes" in key for key in store.list("corpora/killed/staging"))

    def embedded() -> bool:
        return index.exists(collection) and index.count(collection) > 0

    kill_when(staged, home, documents, "killed")
    kill_when(embedded, home, documents, "killed")
    assert not store.exists("corpora/killed/live.json")
    report = run(home, documents, "killed")
    assert report["generation"] == first["generation"]
    uninterrupted = durable(home, "docs", first["generation"], index)
    assert durable(home, "killed", first["generation"], index) == uninterrupted
