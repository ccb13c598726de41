"""Fakes at the two borders of the gateway: what generates tokens, and what retrieves."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from cluster.errors import OpenbookError
from cluster.prompts import Message
from cluster.records import Hit
from serve.engine.prompt import check_prompt
from serve.engine.protocol import (
    EngineStats,
    GenerationChunk,
    GenerationRequest,
    LikelyToken,
    TokenLogprob,
)
from serve.ports import Embedded, Query, Retrieved


class ScriptedEngine:
    """Says `script` piece by piece, tagged with the adapter; a piece that is an error is raised.

    A cleared `gate` holds the stream before every piece. Tokens are words.
    """

    def __init__(self, script: Sequence[str | OpenbookError], context_tokens: int = 10_000) -> None:
        self.script = script
        self.context_tokens = context_tokens
        self.gate = asyncio.Event()
        self.gate.set()
        self.requests: list[GenerationRequest] = []
        self.loads: list[str] = []
        self.running = 0
        self.cached_tokens = 0  # of every prompt
        self.loaded: set[str] = set()

    async def start(self) -> None: ...

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationChunk, None]:
        self.requests.append(request)
        self.running += 1
        prompt = self.count_tokens(request.messages)
        try:
            check_prompt((0,) * prompt, request.sampling.max_tokens, self.context_tokens, 1)
            yield GenerationChunk("", (), None, prompt, 0)
            for done, piece in enumerate(self.script, 1):
                await self.gate.wait()
                if isinstance(piece, OpenbookError):
                    raise piece
                last = "stop" if done == len(self.script) else None
                counts = (prompt, done, self.cached_tokens)
                logprobs = _logprobs(request, done, piece)
                yield GenerationChunk(piece, (done,), last, *counts, logprobs)
        finally:
            self.running -= 1

    async def load_adapter(self, name: str, path: Path) -> None:
        assert (path / "adapter_config.json").is_file()
        self.loads.append(name)
        await asyncio.sleep(0)
        self.loaded.add(name)

    async def unload_adapter(self, name: str) -> None:
        self.loaded.discard(name)

    def adapters(self) -> list[str]:
        return sorted(self.loaded)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message["content"].split()) for message in messages)

    def stats(self) -> EngineStats:
        return EngineStats(self.running, 0, 0, 0, 0, 0, 0, tuple(self.adapters()))

    async def check(self) -> None: ...

    async def close(self) -> None: ...


def _logprobs(request: GenerationRequest, token: int, piece: str) -> tuple[TokenLogprob, ...]:
    wanted = request.sampling.logprobs
    likely = LikelyToken(token, -0.5, piece.encode())
    return () if wanted is None else (TokenLogprob(likely, (likely,) * wanted),)


class StaticRetriever:
    """Returns the same hits for every question of one corpus; raises `error` when it is set."""

    def __init__(self, corpus: str, hits: Sequence[Hit]) -> None:
        self.corpus = corpus
        self.hits = tuple(hits)
        self.error: OpenbookError | None = None
        self.queries: list[Query] = []

    async def retrieve(self, query: Query) -> Retrieved:
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        least = -1.0 if query.min_score is None else query.min_score
        hits = tuple(hit for hit in self.hits if hit.score >= least)[: query.top_k]
        return Retrieved(query.corpus, "generation-1", (hits,) * len(query.questions))

    async def embed(self, texts: Sequence[str]) -> Embedded:
        return Embedded(tuple((1.0, 0.0) for _ in texts), len(texts))
