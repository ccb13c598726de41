"""Prompt + adapter -> token stream: an engine and the adapters it holds."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Literal

from cluster.errors import ContextError
from cluster.prompts import Message
from serve.adapters.cache import AdapterCache
from serve.engine.protocol import Engine, EngineStats, GenerationChunk, GenerationRequest


class Generator:
    """See `serve.ports.Generating`."""

    def __init__(self, engine: Engine, adapters: AdapterCache) -> None:
        self._engine = engine
        self._adapters = adapters

    async def start(self) -> None:
        """Load the base model."""
        await self._engine.start()

    async def fit(self, prompts: Sequence[Sequence[Message]], max_tokens: int) -> int:
        """Index of the first prompt that leaves room for `max_tokens`; ContextError when none does."""
        limit = self._engine.context_tokens
        count = 0
        for index, prompt in enumerate(prompts):
            count = self._engine.count_tokens(prompt)
            if count + max_tokens <= limit:
                return index
        raise ContextError(
            f"the prompt has {count} tokens without documents and max_tokens is {max_tokens}: "
            f"together more than the context of {limit}; shorten one of them"
        )

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationChunk, None]:
        """Stream an answer; its adapter stays in the engine until the stream ends or is closed."""
        async with AsyncExitStack() as stack:
            if request.adapter is not None:
                await stack.enter_async_context(self._adapters.lease(request.adapter))
            stream = await stack.enter_async_context(aclosing(self._engine.generate(request)))
            if request.whole:
                yield await anext(stream)
                yield join([chunk async for chunk in stream])
                return
            async for chunk in stream:
                yield chunk

    async def stats(self) -> EngineStats:
        """What the engine is doing."""
        return self._engine.stats()

    def adapters(self) -> dict[str, int]:
        """Loaded adapter -> requests that use it now."""
        return self._adapters.in_use

    async def preload(self, adapter: str) -> Literal["loaded"]:
        """Load `name@version` before somebody asks for it; NotFoundError, ConflictError as for them."""
        async with self._adapters.lease(adapter):
            return "loaded"

    async def evict(self, adapter: str) -> Literal["evicted", "not loaded"]:
        """Forget it; ConflictError while requests use it."""
        return "evicted" if await self._adapters.evict(adapter) else "not loaded"

    async def check(self) -> None:
        """UnavailableError when the model does not answer."""
        await self._engine.check()

    async def close(self) -> None:
        """Free the model."""
        await self._engine.close()


def join(chunks: Sequence[GenerationChunk]) -> GenerationChunk:
    """Consecutive chunks, at least one, as one."""
    return replace(
        chunks[-1],
        text="".join(chunk.text for chunk in chunks),
        token_ids=tuple(token for chunk in chunks for token in chunk.token_ids),
        logprobs=tuple(token for chunk in chunks for token in chunk.logprobs),
    )
