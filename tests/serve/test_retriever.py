"""Concurrent callers share calls of the embedder and of Milvus; trouble stays with whom it concerns."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.artifacts import publish as publish_folder
from cluster.corpora import Corpora
from cluster.errors import NotFoundError, UnavailableError, UsageError
from cluster.keys import generation_prefix
from cluster.objects import LocalStore
from cluster.records import Hit
from cluster.retrieval import Retriever
from cluster.settings import RetrievalSettings, ServeSettings
from cluster.vectors import SearchOptions
from serve.ports import Query
from serve.retriever import LiveRetriever
from tests.serve.published import make_hits


class CountingEmbedder:
    """A vector for each text is its length; a cleared `gate` holds it."""

    path = "counting"
    max_tokens = 8

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()

    def question_notice(self, text: str) -> str | None:
        return None

    def embed_queries(self, texts: Sequence[str]) -> np.ndarray:
        self.calls.append(list(texts))
        assert self.gate.wait(5)
        return np.array([[float(len(text))] for text in texts], dtype=np.float32)


class CountingMilvus:
    """Finds the question itself, scored by its vector; a filter of "bad" is refused, "stuck" hangs."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str], SearchOptions]] = []
        self.free = threading.Event()

    def search(
        self, collection: str, texts: Sequence[str], vectors_QE: np.ndarray, options: SearchOptions
    ) -> list[list[Hit]]:
        self.calls.append((collection, list(texts), options))
        if options.filter == "bad":
            raise UsageError("Milvus refused the filter")
        if options.filter == "stuck":
            assert self.free.wait(5)
        return [
            [Hit(make_hits(text)[0].chunk, float(vector[0]), 1)]
            for text, vector in zip(texts, vectors_QE, strict=True)
        ]


class Parts:
    def __init__(self, store: LocalStore, folder: Path) -> None:
        self.embedder = CountingEmbedder()
        self.milvus = CountingMilvus()
        self.corpora = Corpora(store)
        folder.mkdir()
        for corpus in ("lamps", "doors"):
            fields = {
                "corpus": corpus, "generation": "g1", "collection": f"{corpus}_g1", "chunker": {},
                "embedder": "e", "dimension": 1, "documents": 1, "chunks": 1, "created": "2026",
            }  # fmt: skip
            publish_folder(store, generation_prefix(corpus, "g1"), folder, fields)
            self.corpora.move_live(corpus, "g1", None)

    def run(self, test: Callable[[LiveRetriever], Awaitable[Any]], **settings: Any) -> Any:
        async def main() -> Any:
            retriever = Retriever(self.embedder, self.milvus, RetrievalSettings())  # type: ignore[arg-type]
            live = LiveRetriever(
                self.corpora,
                retriever,
                self.embedder,
                ServeSettings(**settings),  # type: ignore[arg-type]
            )
            try:
                return await asyncio.wait_for(test(live), 10)
            finally:
                self.milvus.free.set()
                self.embedder.gate.set()

        return asyncio.run(main())


@pytest.fixture
def parts(store: LocalStore, tmp_path: Path) -> Parts:
    return Parts(store, tmp_path / "empty")


def text_of(found: Any) -> list[str]:
    return [hit.chunk.text for hits in found.hits for hit in hits]


async def settle(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_retriever_concurrent_callers_share_one_embedding_and_one_search(parts: Parts) -> None:
    async def test(live: LiveRetriever) -> None:
        await live.retrieve(Query("lamps", ("warm",)))
        found = await asyncio.gather(
            *(live.retrieve(Query("lamps", (f"question {n}",))) for n in range(16))
        )
        assert [text_of(one) for one in found] == [[f"question {n}"] for n in range(16)]

    parts.run(test)
    assert [len(texts) for texts in parts.embedder.calls] == [1, 16]
    assert [len(texts) for _, texts, _ in parts.milvus.calls] == [1, 16]


def test_retriever_groups_by_corpus_top_k_and_filter(parts: Parts) -> None:
    queries = [
        Query("lamps", ("a", "b")), Query("lamps", ("c",)), Query("doors", ("d",)),
        Query("lamps", ("e",), top_k=2), Query("lamps", ("f",), filter="x"),
    ]  # fmt: skip

    async def test(live: LiveRetriever) -> None:
        await asyncio.gather(*(live.retrieve(Query(c, ("warm",))) for c in ("lamps", "doors")))
        parts.milvus.calls.clear()
        found = await asyncio.gather(*map(live.retrieve, queries))
        assert [text_of(one) for one in found] == [["a", "b"], ["c"], ["d"], ["e"], ["f"]]

    parts.run(test)
    assert sorted((c, texts, o.top_k, o.filter) for c, texts, o in parts.milvus.calls) == [
        ("doors_g1", ["d"], 8, None), ("lamps_g1", ["a", "b", "c"], 8, None),
        ("lamps_g1", ["e"], 4, None), ("lamps_g1", ["f"], 8, "x"),
    ]  # fmt: skip
    assert sorted(parts.embedder.calls[-1]) == ["a", "b", "c", "d", "e", "f"]


def test_retriever_known_question_is_not_embedded_again(parts: Parts) -> None:
    async def test(live: LiveRetriever) -> None:
        for question in ("a", "bb", "a", "ccc", "bb"):
            await live.retrieve(Query("lamps", (question, question)))

    parts.run(test, cached_queries=2)
    # "bb" was the least recently used of two when "ccc" came
    assert parts.embedder.calls == [["a"], ["bb"], ["ccc"], ["bb"]]


def test_retriever_filter_that_fails_fails_only_who_asked_with_it(parts: Parts) -> None:
    async def test(live: LiveRetriever) -> list[Any]:
        asked = [Query("lamps", ("a",)), Query("lamps", ("b",), filter="bad"), Query("no", ("c",))]
        return await asyncio.gather(*map(live.retrieve, asked), return_exceptions=True)

    good, bad, unknown = parts.run(test)
    assert text_of(good) == ["a"]
    assert isinstance(bad, UsageError)
    assert isinstance(unknown, NotFoundError)


def test_retriever_search_that_hangs_is_unavailable_in_time_and_harms_no_other(
    parts: Parts,
) -> None:
    async def test(live: LiveRetriever) -> None:
        stuck = [
            asyncio.create_task(live.retrieve(Query("lamps", (str(n),), filter="stuck")))
            for n in range(3)
        ]
        assert text_of(await live.retrieve(Query("lamps", ("a",)))) == ["a"]
        for result in await asyncio.gather(*stuck, return_exceptions=True):
            assert isinstance(result, UnavailableError)
            assert "0.3 s" in str(result)

    parts.run(test, retrieval_timeout_s=0.3)


def test_retriever_cancelled_caller_is_not_searched_for(parts: Parts) -> None:
    async def test(live: LiveRetriever) -> None:
        parts.embedder.gate.clear()
        first = asyncio.create_task(live.retrieve(Query("lamps", ("first",))))
        await settle(lambda: len(parts.embedder.calls) == 1)
        gone, stays = (
            asyncio.create_task(live.retrieve(Query("lamps", (name,))))
            for name in ("gone", "stays")
        )
        await asyncio.sleep(0.01)
        gone.cancel()
        parts.embedder.gate.set()
        assert text_of(await first) == ["first"]
        assert text_of(await stays) == ["stays"]

    parts.run(test)
    assert parts.embedder.calls == [["first"], ["stays"]]


def test_retriever_batch_is_bounded(parts: Parts) -> None:
    async def test(live: LiveRetriever) -> None:
        await asyncio.gather(*(live.retrieve(Query("lamps", (f"q{n}",))) for n in range(10)))

    parts.run(test, retrieval_batch=4)
    assert max(map(len, parts.embedder.calls)) <= 4
    assert max(len(texts) for _, texts, _ in parts.milvus.calls) <= 4
