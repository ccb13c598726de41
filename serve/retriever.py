"""Questions -> chunks of a corpus' live generation, and texts -> vectors.

Blocking work runs on one thread: the embedder's tokenizer is not to be used by two at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from cluster.corpora import Corpora
from cluster.embedder import Embedder
from cluster.errors import NotFoundError, UnavailableError, UsageError
from cluster.retrieval import Retriever
from serve.ports import Embedded, Query, Retrieved
from serve.ttl import TtlCache

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Result = TypeVar("Result")


class LiveRetriever:
    """See `serve.ports.Retrieving`. A moved corpus alias is seen within `ttl_s`."""

    def __init__(
        self,
        corpora: Corpora,
        retriever: Retriever,
        embedder: Embedder,
        ttl_s: float,
        timeout_s: float,
    ) -> None:
        self._retriever = retriever
        self._embedder = embedder
        self._generations = TtlCache(ttl_s, corpora.live)
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="retriever")

    async def start(self) -> None:
        """Load the embedder, so that the first question does not wait for it."""
        await self._on_thread(lambda: self._embedder.embed_queries(["ready?"]))

    async def retrieve(self, query: Query) -> Retrieved:
        """NotFoundError for an unknown corpus, UnavailableError when nothing comes in time."""
        try:
            generation = await self._generations.get(query.corpus)
        except UsageError as error:  # a name that cannot exist does not exist
            raise NotFoundError(f"corpus {query.corpus!r} does not exist: {error}") from error
        found = self._on_thread(
            lambda: self._retriever.retrieve(generation, query.questions, query.top_k, query.filter)
        )
        try:
            hits = await asyncio.wait_for(found, self._timeout_s)
        except TimeoutError as error:
            raise UnavailableError(
                f"retrieval from corpus {query.corpus!r} took longer than {self._timeout_s:g} s; "
                "check Milvus with `openbook doctor`"
            ) from error
        return Retrieved(query.corpus, generation.generation, tuple(map(tuple, hits)))

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Unit vectors; UsageError for a text that the embedder would cut."""
        return await self._on_thread(lambda: self._embed(texts))

    def _embed(self, texts: Sequence[str]) -> Embedded:
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

    async def _on_thread(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)
