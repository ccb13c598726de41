"""The vector store holds one contract on Milvus Lite and on a Milvus server without BM25."""

from collections.abc import Iterator
from dataclasses import replace

import grpc
import numpy as np
import pytest
from pydantic import SecretStr

from cluster.errors import NotFoundError, SettingsError, UnavailableError, UsageError
from cluster.keys import collection_name
from cluster.records import Chunk
from cluster.settings import MilvusSettings
from cluster.vectors import SearchOptions, VectorStore
from tests.milvus_servers import FlakyMilvus
from train.client import Ask

HYBRID = SearchOptions(top_k=2, mode="hybrid", candidates=10, dense_weight=0.5, fresh=True)
DENSE = SearchOptions(top_k=2, mode="dense", candidates=10, dense_weight=0.5, fresh=True)
SPARSE = SearchOptions(top_k=2, mode="sparse", candidates=10, dense_weight=0.5, fresh=True)
SERVER = pytest.param("server", marks=[pytest.mark.slow, pytest.mark.timeout(180)])


def chunk(number: int, text: str, page: int | None = None) -> Chunk:
    return Chunk(
        f"c{number}", f"d{number}", "file:///u", "T", text, page, 0, len(text), 3, {"n": number}
    )


def unit(*values: float) -> np.ndarray:
    vector = np.asarray(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


@pytest.fixture(params=["lite", SERVER])
def vectors(request: pytest.FixtureRequest) -> Iterator[VectorStore]:
    if request.param == "lite":
        settings = MilvusSettings(uri=request.getfixturevalue("milvus_uri"))
    else:
        settings = request.getfixturevalue("milvus_server")
    client = VectorStore(settings, settings.uri)
    yield client
    client.close()


@pytest.fixture
def lite(milvus_uri: str) -> Iterator[VectorStore]:
    client = VectorStore(MilvusSettings(), milvus_uri)
    yield client
    client.close()


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
    vectors.upsert(name, chunks, np.eye(3, dtype=np.float32))
    return name


def test_upsert_twice_keeps_one_row_each(vectors: VectorStore, collection: str) -> None:
    vectors.upsert(collection, [chunk(0, "changed")], unit(1, 0, 0)[None])
    assert vectors.count(collection) == 3
    assert vectors.chunk_ids(collection) == {"c0", "c1", "c2"}
    hit = vectors.search(collection, ["x"], unit(1, 0, 0)[None], DENSE)[0][0]
    assert hit.chunk.text == "changed"


def test_rows_changed_after_a_flush_are_found_as_they_are_now(
    vectors: VectorStore, collection: str
) -> None:
    vectors.flush(collection)
    vectors.flush(collection)  # nothing new since
    vectors.upsert(collection, [chunk(0, "green lamp glows")], unit(1, 0, 0)[None])
    vectors.delete(collection, ["c1"])
    assert vectors.chunk_ids(collection) == {"c0", "c2"}
    for _ in range(2):
        found = vectors.search(collection, ["lamp glows"], unit(1, 0, 0)[None], HYBRID)[0]
        assert [hit.chunk.text for hit in found] == ["green lamp glows", "cats"]
        vectors.flush(collection)
    assert vectors.count(collection) == 2


def test_search_returns_the_whole_chunk_with_cosine_and_rank(
    vectors: VectorStore, collection: str
) -> None:
    hits = vectors.search(collection, ["lamp"], unit(1, 1, 0)[None], DENSE)[0]
    assert {hit.chunk.chunk_id for hit in hits} == {"c0", "c1"}
    assert [hit.rank for hit in hits] == [1, 2]
    assert hits[0].score == pytest.approx(2**-0.5, abs=1e-4)
    amber = next(hit.chunk for hit in hits if hit.chunk.chunk_id == "c0")
    assert amber == chunk(0, "amber lamp blinks", page=4)


def test_search_by_words_is_there_where_the_server_has_bm25(
    vectors: VectorStore, collection: str
) -> None:
    vector = unit(0, 0, 1)[None]
    hits = vectors.search(collection, ["4720"], vector, HYBRID)[0]
    if vectors.retrieval(collection) == "hybrid":
        assert {hit.chunk.chunk_id for hit in hits} == {"c1", "c2"}
        (hit,) = vectors.search(collection, ["4720"], vector, SPARSE)[0]
        assert (hit.chunk.chunk_id, hit.score) == ("c1", 0.0)
    else:
        assert hits[0].chunk.chunk_id == "c2"
        with pytest.raises(SettingsError, match=r"retrieval\.mode='sparse'.*v2\.3\.5"):
            vectors.search(collection, ["4720"], vector, SPARSE)


def test_server_says_what_it_can_do(lite: VectorStore) -> None:
    assert (lite.full_text, lite.one_writer) == (True, True)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_old_server_named_lite_is_neither_lite_nor_hybrid(milvus_server: MilvusSettings) -> None:
    store = VectorStore(milvus_server, milvus_server.uri)
    assert store.version == "v2.3.5-lite"
    assert (store.full_text, store.one_writer) == (False, False)
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "wrong", [{"password": SecretStr("no")}, {"user": None, "password": None}, {"server_name": "x"}]
)
def test_server_is_reached_with_tls_user_and_password_only(
    milvus_server: MilvusSettings, wrong: dict[str, object]
) -> None:
    settings = milvus_server.model_copy(update={**wrong, "timeout_s": 3})
    store = VectorStore(settings, settings.uri)
    with pytest.raises(UnavailableError, match="credentials"):
        store.exists("x")
    token = MilvusSettings(
        uri=milvus_server.uri,
        token=SecretStr("root:Milvus"),
        server_pem_path=milvus_server.server_pem_path,
    )
    assert not VectorStore(token, token.uri).exists("openbook_none")


def test_certificate_that_is_not_there_is_named() -> None:
    settings = MilvusSettings(uri="https://localhost:1", server_pem_path="/none.pem")
    with pytest.raises(SettingsError, match=r"milvus\.server_pem_path='/none\.pem'"):
        VectorStore(settings, settings.uri).exists("x")


def test_search_of_several_queries_answers_each(vectors: VectorStore, collection: str) -> None:
    queries_QE = np.stack([unit(1, 0, 0), unit(0, 0, 1)])
    first, second = vectors.search(collection, ["lamp", "cats"], queries_QE, HYBRID)
    assert (first[0].chunk.chunk_id, second[0].chunk.chunk_id) == ("c0", "c2")


def test_search_with_a_filter_sees_only_what_matches(vectors: VectorStore, collection: str) -> None:
    options = SearchOptions(5, "hybrid", 10, 60, filter='doc_id == "d2"', fresh=True)
    hits = vectors.search(collection, ["lamp"], unit(1, 0, 0)[None], options)[0]
    assert [hit.chunk.doc_id for hit in hits] == ["d2"]


@pytest.mark.parametrize(
    "strange", ['a "b".md', "it's", "C:\\docs\\new", "Größe % _ 漢", "a\nb", "{x}"]
)
def test_search_for_given_documents_finds_ids_of_any_spelling(
    vectors: VectorStore, collection: str, strange: str
) -> None:
    vectors.upsert(collection, [replace(chunk(7, "dogs"), doc_id=strange)], unit(1, 1, 0)[None])
    asked = Ask("?", "m", True, "c", 5, 1, oracle=("d1", strange)).body()["rag"]["filter"]
    options = SearchOptions(5, "hybrid", 10, 60, filter=asked, fresh=True)
    hits = vectors.search(collection, ["lamp"], unit(1, 0, 0)[None], options)[0]
    assert {hit.chunk.doc_id for hit in hits} == {"d1", strange}


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


def test_half_made_collection_is_completed(vectors: VectorStore, collection: str) -> None:
    vectors._client.release_collection(collection)
    vectors._client.drop_index(collection, "dense")
    vectors.ensure(collection, 3)
    assert vectors.search(collection, ["x"], unit(1, 0, 0)[None], DENSE)[0][0].chunk == chunk(
        0, "amber lamp blinks", page=4
    )


def test_digest_tells_rows_of_one_id_apart(vectors: VectorStore, collection: str) -> None:
    before = vectors.digests(collection)
    moved = chunk(0, "amber lamp blinks", page=5)
    vectors.upsert(collection, [moved], unit(1, 0, 0)[None])
    after = vectors.digests(collection)
    assert before.keys() == after.keys()
    assert [key for key in before if before[key] != after[key]] == ["c0"]


@pytest.fixture
def flaky(milvus_uri: str) -> Iterator[FlakyMilvus]:
    with FlakyMilvus(milvus_uri) as proxy:
        yield proxy


def flaky_store(proxy: FlakyMilvus, attempts: int) -> VectorStore:
    settings = MilvusSettings(attempts=attempts, retry_wait_s=0.01, timeout_s=10)
    store = VectorStore(settings, proxy.uri)
    store.ensure("flaky", 3)
    return store


def test_write_that_meets_passing_trouble_is_repeated(flaky: FlakyMilvus) -> None:
    store = flaky_store(flaky, attempts=3)
    flaky.upsert_errors.extend(
        [grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED]
    )
    assert store.upsert("flaky", [chunk(1, "text")], unit(1, 0, 0)[None]) == 1
    assert (flaky.upserts, store.count("flaky")) == (3, 1)
    store.close()


def test_write_gives_up_with_the_last_reason(flaky: FlakyMilvus) -> None:
    store = flaky_store(flaky, attempts=2)
    flaky.upsert_errors.extend([grpc.StatusCode.RESOURCE_EXHAUSTED] * 9)
    with pytest.raises(UnavailableError, match=r"(?s)gave up after 2 attempts.*scripted trouble"):
        store.upsert("flaky", [chunk(1, "text")], unit(1, 0, 0)[None])
    store.close()


def test_write_that_can_never_succeed_is_not_repeated(flaky: FlakyMilvus) -> None:
    store = flaky_store(flaky, attempts=5)
    flaky.upsert_errors.extend([grpc.StatusCode.PERMISSION_DENIED] * 9)
    with pytest.raises(UnavailableError, match="scripted trouble"):
        store.upsert("flaky", [chunk(1, "text")], unit(1, 0, 0)[None])
    assert flaky.upserts == 1
    store.close()
