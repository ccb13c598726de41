"""Engines for tests by kind, what is asked of them, and the reference: each request alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

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


class Alone:
    """transformers' generate with one adapter, or none, and nothing else running."""

    def __init__(self, path: str, adapter: Path | None) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(path)
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        self._model = model if adapter is None else PeftModel.from_pretrained(model, str(adapter))

    def __call__(self, asked: GenerationRequest) -> list[int]:
        ids_1T = torch.tensor([asked.prompt_ids or self._encode(asked)])
        out = self._model.generate(
            input_ids=ids_1T,
            attention_mask=torch.ones_like(ids_1T),
            max_new_tokens=asked.sampling.max_tokens,
            do_sample=False,
        )
        return out[0, ids_1T.shape[1] :].tolist()

    def _encode(self, asked: GenerationRequest) -> list[int]:
        return self._tokenizer.apply_chat_template(
            list(asked.messages), add_generation_prompt=True, return_dict=True
        )["input_ids"]
