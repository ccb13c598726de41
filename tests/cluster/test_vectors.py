"""The vector store against a real Milvus Lite server: upsert, search, errors, life of the server."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cluster.errors import NotFoundError, UnavailableError, UsageError
from cluster.keys import collection_name
from cluster.milvus_lite import EmbeddedMilvus
from cluster.records import Chunk
from cluster.settings import MilvusSettings
from cluster.vectors import SearchOptions, VectorStore

HYBRID = SearchOptions(top_k=2, mode="hybrid", candidates=10, rrf_k=60)
DENSE = SearchOptions(top_k=2, mode="dense", candidates=10, rrf_k=60)


def chunk(number: int, text: str, page: int | None = None) -> Chunk:
    return Chunk(
        f"c{number}", f"d{number}", "file:///u", "T", text, page, 0, len(text), 3, {"n": number}
    )


def unit(*values: float) -> np.ndarray:
    vector = np.asarray(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


@pytest.fixture
def collection(vectors: VectorStore, request: pytest.FixtureRequest) -> str:
    name = collection_name("tests", str(abs(hash(request.node.name))))
    vectors.drop(name)
    vectors.ensure(name, 3)
    chunks = [
        chunk(0, "amber lamp blinks", page=4),
        chunk(1, "port 4720 is open"),
        chunk(2, "cats"),
    ]
    vectors.upsert(name, chunks, np.stack([unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)]))
    return name


def test_upsert_twice_keeps_one_row_each(vectors: VectorStore, collection: str) -> None:
    vectors.upsert(collection, [chunk(0, "changed")], unit(1, 0, 0)[None])
    assert vectors.count(collection) == 3
    assert vectors.chunk_ids(collection) == {"c0", "c1", "c2"}
    hit = vectors.search(collection, ["x"], unit(1, 0, 0)[None], DENSE)[0][0]
    assert hit.chunk.text == "changed"


def test_search_returns_the_whole_chunk_with_cosine_and_rank(
    vectors: VectorStore, collection: str
) -> None:
    hits = vectors.search(collection, ["lamp"], unit(1, 1, 0)[None], DENSE)[0]
    assert {hit.chunk.chunk_id for hit in hits} == {"c0", "c1"}
    assert [hit.rank for hit in hits] == [1, 2]
    assert hits[0].score == pytest.approx(2**-0.5, abs=1e-4)
    amber = next(hit.chunk for hit in hits if hit.chunk.chunk_id == "c0")
    assert amber == chunk(0, "amber lamp blinks", page=4)


def test_hybrid_search_finds_the_word_that_the_vector_misses(
    vectors: VectorStore, collection: str
) -> None:
    hits = vectors.search(collection, ["4720"], unit(0, 0, 1)[None], HYBRID)[0]
    assert {hit.chunk.chunk_id for hit in hits} == {"c1", "c2"}


def test_search_of_several_queries_answers_each(vectors: VectorStore, collection: str) -> None:
    queries_QE = np.stack([unit(1, 0, 0), unit(0, 0, 1)])
    first, second = vectors.search(collection, ["lamp", "cats"], queries_QE, HYBRID)
    assert (first[0].chunk.chunk_id, second[0].chunk.chunk_id) == ("c0", "c2")


def test_search_with_a_filter_sees_only_what_matches(vectors: VectorStore, collection: str) -> None:
    options = SearchOptions(5, "hybrid", 10, 60, filter='doc_id == "d2"')
    hits = vectors.search(collection, ["lamp"], unit(1, 0, 0)[None], options)[0]
    assert [hit.chunk.doc_id for hit in hits] == ["d2"]


def test_search_with_a_broken_filter_is_a_usage_error(
    vectors: VectorStore, collection: str
) -> None:
    options = SearchOptions(5, "dense", 10, 60, filter="doc_id ==")
    with pytest.raises(UsageError, match="filter"):
        vectors.search(collection, ["x"], unit(1, 0, 0)[None], options)


def test_search_in_a_missing_collection_says_to_ingest_again(vectors: VectorStore) -> None:
    with pytest.raises(NotFoundError, match="ingest the corpus again"):
        vectors.search("openbook_none", ["x"], unit(1, 0, 0)[None], DENSE)


def test_delete_removes_rows_and_ignores_unknown_ids(vectors: VectorStore, collection: str) -> None:
    vectors.delete(collection, ["c1", "unknown"])
    assert vectors.chunk_ids(collection) == {"c0", "c2"}
    vectors.drop(collection)
    assert not vectors.exists(collection)


def test_chunk_with_an_oversized_field_is_refused_by_name(
    vectors: VectorStore, collection: str
) -> None:
    with pytest.raises(UsageError, match="text is longer than 65535 bytes"):
        vectors.upsert(collection, [chunk(9, "x" * 70_000)], unit(1, 0, 0)[None])


def test_milvus_that_is_down_is_named_with_what_to_do() -> None:
    store = VectorStore(MilvusSettings(timeout_s=1), "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9.*milvus\.uri"):
        store.count("x")


def test_embedded_server_is_shared_and_stopped_by_the_last_user(tmp_path: Path) -> None:
    with EmbeddedMilvus(tmp_path) as first:
        pid = json.loads((tmp_path / "server.json").read_text())["pid"]
        with EmbeddedMilvus(tmp_path) as second:
            assert second.uri == first.uri
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
    assert not (tmp_path / "server.json").exists()


def test_embedded_server_of_a_killed_process_is_found_with_its_rows(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, os, signal, numpy\n"
        "from cluster.milvus_lite import EmbeddedMilvus\nfrom cluster.records import Chunk\n"
        "from cluster.settings import MilvusSettings\nfrom cluster.vectors import VectorStore\n"
        "server = EmbeddedMilvus(pathlib.Path(sys.argv[1])).__enter__()\n"
        "store = VectorStore(MilvusSettings(), server.uri)\nstore.ensure('kept', 3)\n"
        "chunk = Chunk('c', 'd', 'u', 't', 'text', None, 0, 4, 1)\n"
        "store.upsert('kept', [chunk], numpy.eye(1, 3, dtype='float32'))\n"
        "print(server.uri, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, cwd=root, check=False
    )
    with EmbeddedMilvus(tmp_path) as server:
        assert server.uri == killed.stdout.decode().strip()
        store = VectorStore(MilvusSettings(), server.uri)
        assert store.count("kept") == 1
        store.close()


def test_collection_is_searched_after_the_server_was_restarted(tmp_path: Path) -> None:
    with EmbeddedMilvus(tmp_path) as server:
        store = VectorStore(MilvusSettings(), server.uri)
        store.ensure("kept", 3)
        store.upsert("kept", [chunk(1, "text")], unit(1, 0, 0)[None])
        store.close()
    with EmbeddedMilvus(tmp_path) as server:
        store = VectorStore(MilvusSettings(), server.uri)
        hits = store.search("kept", ["text"], unit(1, 0, 0)[None], HYBRID)
        assert [hit.chunk.chunk_id for hit in hits[0]] == ["c1"]
        assert store.chunk_ids("kept") == {"c1"}
        store.close()
