"""The way of a request's chunks from the model's thread to its caller."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from serve.engine.protocol import GenerationChunk
from serve.engine.row import Row


@dataclass(slots=True, eq=False)
class Stream:
    """Chunks pile up here while the caller is busy; used on the event loop only.

    `ended`: the last chunk is here, taken or not.
    """

    row: Row
    chunks: list[GenerationChunk] = field(default_factory=list)
    error: Exception | None = None
    ended: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, chunk: GenerationChunk) -> None:
        """Hand over the next chunk."""
        self.chunks.append(chunk)
        self.ended = chunk.finish_reason is not None
        self.news.set()

    def fail(self, error: Exception) -> None:
        """End with an error, after what was handed over before."""
        self.error = error
        self.news.set()

    async def take(self) -> GenerationChunk:
        """Everything since the last call in one chunk."""
        while not self.chunks:
            if self.error is not None:
                raise self.error
            self.news.clear()
            await self.news.wait()
        chunks, self.chunks = self.chunks, []
        return _merged(chunks)


def _merged(chunks: Sequence[GenerationChunk]) -> GenerationChunk:
    last = chunks[-1]
    return GenerationChunk(
        "".join(chunk.text for chunk in chunks),
        tuple(token for chunk in chunks for token in chunk.token_ids),
        last.finish_reason,
        last.prompt_tokens,
        last.completion_tokens,
        last.cached_tokens,
        tuple(logprob for chunk in chunks for logprob in chunk.logprobs),
    )
