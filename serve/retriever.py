"""Questions -> chunks of a corpus' live generation, and texts -> vectors.

Concurrent callers share their calls: one of the embedder for all questions that wait, one of Milvus for
all that ask the same generation for the same. The embedder has one thread, because its tokenizer is not
to be used by two; searches have several, so that one that hangs does not hold up the others.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from cluster.corpora import Corpora, Generation
from cluster.embedder import Embedder
from cluster.errors import NotFoundError, UnavailableError, UsageError
from cluster.questions import check_text
from cluster.records import Hit
from cluster.retrieval import Retriever, Wanted
from cluster.settings import ServeSettings
from serve.batcher import Batcher
from serve.ports import Embedded, Query, Retrieved
from serve.query_vectors import QueryVectors, Vector
from serve.ttl import TtlCache

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BYTES = 4  # of a character, at most: a token has one at least
SEARCHES = 8  # at once; they wait for Milvus, not for a processor
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Group:
    """What is searched together: equal groups are one call of Milvus."""

    corpus: str
    generation: str
    wanted: Wanted


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    generation: Generation
    question: str
    vector: Vector


class LiveRetriever:
    """See `serve.ports.Retrieving`. A moved corpus alias is seen within `registry_ttl_s`."""

    def __init__(
        self, corpora: Corpora, retriever: Retriever, embedder: Embedder, settings: ServeSettings
    ) -> None:
        self._retriever = retriever
        self._embedder = embedder
        self._timeout_s = settings.retrieval_timeout_s
        self._generations = TtlCache(settings.registry_ttl_s, corpora.live)
        self._embedding = ThreadPoolExecutor(1, thread_name_prefix="embedder")
        self._searching = ThreadPoolExecutor(SEARCHES, thread_name_prefix="search")
        batch, entries = settings.retrieval_batch, settings.cached_queries
        self._vectors = QueryVectors(self._embed_queries, embedder.path, entries, batch)
        self._searches = Batcher(self._search, batch)

    async def start(self) -> None:
        """Load the embedder, so that the first question does not wait for it."""
        await self._embed_queries(["ready?"])

    async def retrieve(self, query: Query) -> Retrieved:
        """NotFoundError for an unknown corpus, UnavailableError when nothing comes in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._retrieve(query)
        except TimeoutError as error:
            raise UnavailableError(
                f"retrieval from corpus {query.corpus!r} took longer than {self._timeout_s:g} s; "
                "check Milvus and the object store with `openbook doctor`"
            ) from error

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Unit vectors; UsageError for a text that the embedder would cut."""
        return await _on(self._embedding, lambda: self._embed_documents(texts))

    async def _retrieve(self, query: Query) -> Retrieved:
        try:
            generation = await self._generations.get(query.corpus)
        except UsageError as error:  # a name that cannot exist does not exist
            raise NotFoundError(f"corpus {query.corpus!r} does not exist: {error}") from error
        vectors = await self._vectors.of(query.questions)
        wanted = Wanted(query.top_k, query.filter, min_score=query.min_score)
        group = _Group(query.corpus, generation.generation, wanted)
        searches = [
            _Search(generation, question, vector)
            for question, vector in zip(query.questions, vectors, strict=True)
        ]
        hits = await self._searches.ask(group, searches)
        notices = await self._notices(query.questions)
        return Retrieved(query.corpus, generation.generation, tuple(hits), notices)

    async def _notices(self, questions: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Of long questions only: others cost no turn of the embedder's thread."""
        longest = self._embedder.max_tokens
        if all(len(question) * _BYTES <= longest for question in questions):
            return ()
        return await _on(
            self._embedding, lambda: tuple(self._retriever.notices(text) for text in questions)
        )

    async def _search(self, group: _Group, searches: list[_Search]) -> list[tuple[Hit, ...]]:
        questions = [search.question for search in searches]
        vectors_QE = np.stack([search.vector for search in searches])
        generation = searches[0].generation
        found = await _on(
            self._searching,
            lambda: self._retriever.search(generation, questions, vectors_QE, group.wanted),
        )
        return [tuple(hits) for hits in found]

    async def _embed_queries(self, texts: list[str]) -> Sequence[Vector]:
        vectors_QE = await _on(self._embedding, lambda: self._retriever.embed(texts))
        return list(vectors_QE)

    def _embed_documents(self, texts: Sequence[str]) -> Embedded:
        for position, text in enumerate(texts):
            check_text(f"input {position}", text)
        lengths = [len(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts))]
        for position, length in enumerate(lengths):
            if length > self._embedder.max_tokens:
                raise UsageError(
                    f"input {position} has {length} tokens, the embedder takes "
                    f"{self._embedder.max_tokens}; split it"
                )
        vectors_NE = self._embedder.embed_documents(texts)
        return Embedded(tuple(map(tuple, vectors_NE.tolist())), sum(lengths))

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        return self._embedder.tokenizer()


async def _on(threads: ThreadPoolExecutor, call: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(threads, call)
