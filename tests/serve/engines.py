"""Engines for tests by kind, and what is asked of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import torch

from serve.engine.builtin import BuiltinConfig, BuiltinEngine
from serve.engine.packed_model import ModelConfig
from serve.engine.protocol import Engine, GenerationRequest
from tests.serve.engine_contract import request as request


@dataclass(frozen=True)
class Limits:
    """Of a test's engine: small, so that requests wait, prompts are cut and slots are reused."""

    max_batch: int = 3
    prefix_slots: int = 2
    step_tokens: int = 64
    hot_ranks: int = 32
    context_tokens: int = 256


def builtin(path: str, limits: Limits, device: str = "cpu") -> Engine:
    model = ModelConfig(path, "float32", device, threads=1, hot_ranks=limits.hot_ranks)
    return BuiltinEngine(
        BuiltinConfig(
            model,
            limits.max_batch,
            limits.prefix_slots,
            limits.step_tokens,
            limits.context_tokens,
            probe_s=20.0,
        )
    )


ENGINES: dict[str, Callable[[str, Limits], Engine]] = {"builtin": builtin}
if torch.cuda.is_available():
    ENGINES["builtin on a GPU"] = partial(builtin, device="cuda")


@asynccontextmanager
async def running(
    path: str, limits: Limits = Limits(), kind: str = "builtin"
) -> AsyncIterator[Engine]:
    engine = ENGINES[kind](path, limits)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


def run(
    path: str,
    test: Callable[[Engine], Awaitable[object]],
    limits: Limits = Limits(),
    kind: str = "builtin",
) -> None:
    async def main() -> None:
        async with running(path, limits, kind) as engine:
            await test(engine)

    asyncio.run(main())


def prompt(ids: list[int], adapter: str | None = None, **sampling: object) -> GenerationRequest:
    params = request(0, None, **{"max_tokens": 6, **sampling}).sampling
    return GenerationRequest("prompt", (), adapter, params, tuple(ids))


async def collect(engine: Engine, asked: GenerationRequest) -> tuple[str, list[int], str]:
    text, ids, finish = "", [], None
    async for chunk in engine.generate(asked):
        text, ids, finish = text + chunk.text, [*ids, *chunk.token_ids], chunk.finish_reason
    assert finish is not None
    return text, ids, finish
