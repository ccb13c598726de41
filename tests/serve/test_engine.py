"""The built-in engine gives what transformers' generate gives for each request alone, and harms nobody.

A tiny random Llama in fp32 with two random adapters of different rank and target modules.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from cluster.errors import ConflictError, NotFoundError, UnavailableError, UsageError
from serve.engine.builtin import BuiltinConfig, BuiltinEngine
from serve.engine.packed_model import ModelConfig
from serve.engine.protocol import GenerationRequest, SamplingParams
from tests.serve.tiny import save_adapter

QUESTIONS = [
    "Why?",
    "What does the light ring show while the speaker updates its firmware?",
    "Which rooms?",
    "How long does the battery dock take from empty to full when the speaker is playing loudly?",
    "When?",
]


def request(number: int, adapter: str | None, **sampling: object) -> GenerationRequest:
    values = {"max_tokens": 5 + number % 7, "temperature": 0.0, "top_p": 1.0, "stop": (), "seed": 7}
    messages = ({"role": "user", "content": QUESTIONS[number % len(QUESTIONS)]},)
    params = SamplingParams(**{**values, **sampling})  # type: ignore[arg-type]
    return GenerationRequest(f"request-{number}", messages, adapter, params)


@asynccontextmanager
async def running(path: str, max_batch: int = 3) -> AsyncIterator[BuiltinEngine]:
    model = ModelConfig(path, dtype="float32", device="cpu", threads=1, hot_ranks=32)
    engine = BuiltinEngine(BuiltinConfig(model, max_batch, 2, 64, 256, probe_s=20.0))
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


async def collect(engine: BuiltinEngine, asked: GenerationRequest) -> tuple[str, list[int], str]:
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
        inputs = self._tokenizer.apply_chat_template(
            list(asked.messages), add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        tokens = asked.sampling.max_tokens
        out = self._model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
        return out[0, inputs["input_ids"].shape[1] :].tolist()


def run(path: str, test: Callable[[BuiltinEngine], Awaitable[object]], max_batch: int = 3) -> None:
    async def main() -> None:
        async with running(path, max_batch) as engine:
            await test(engine)

    asyncio.run(main())


@pytest.mark.slow
def test_engine_mixed_dynamic_load_equals_generate_alone(
    tiny_model: str, tiny_adapters: dict[str, Path]
) -> None:
    names = [None, *tiny_adapters]
    alone = {name: Alone(tiny_model, tiny_adapters.get(name or "")) for name in names}
    asked = [request(i, names[i % 3]) for i in range(15)]

    async def load(engine: BuiltinEngine) -> None:
        late = asyncio.create_task(collect(engine, asked[0]))
        for name, folder in tiny_adapters.items():  # while a request runs
            await engine.load_adapter(name, folder)
        rest = []
        for one in asked[1:]:
            rest.append(asyncio.create_task(collect(engine, one)))
            await asyncio.sleep(0)
        results = [await late, *[await task for task in rest]]
        outputs = set()
        for one, (_, ids, _) in zip(asked, results, strict=True):
            assert ids == alone[one.adapter](one)
            outputs.add(tuple(ids[:3]))
        assert len(outputs) > 5
        assert engine.stats().finished == 15

    run(tiny_model, load)


def test_engine_same_question_differs_by_adapter_and_base_is_untouched_after_unload(
    tiny_model: str, tiny_adapters: dict[str, Path]
) -> None:
    async def switch(engine: BuiltinEngine) -> None:
        before = await collect(engine, request(1, None))
        for name, folder in tiny_adapters.items():
            await engine.load_adapter(name, folder)
            assert (await collect(engine, request(1, name)))[1] != before[1]
            assert await collect(engine, request(1, None)) == before
        assert engine.adapters() == ["alpha@v1.0", "beta@v1.0"]
        beta = await collect(engine, request(1, "beta@v1.0"))
        await engine.unload_adapter("alpha@v1.0")
        assert await collect(engine, request(1, "beta@v1.0")) == beta
        await engine.unload_adapter("beta@v1.0")
        assert await collect(engine, request(1, None)) == before
        await engine.load_adapter("beta@v1.0", tiny_adapters["beta@v1.0"])
        assert await collect(engine, request(1, "beta@v1.0")) == beta

    run(tiny_model, switch)


def test_engine_sampling_repeats_by_seed_whatever_else_runs(tiny_model: str) -> None:
    async def sample(engine: BuiltinEngine) -> None:
        hot = {"temperature": 1.0, "top_p": 0.9, "max_tokens": 8}
        first = await collect(engine, request(1, None, **hot))
        others = [collect(engine, request(i, None, temperature=0.7, seed=i)) for i in range(2)]
        again, *_ = await asyncio.gather(collect(engine, request(1, None, **hot)), *others)
        other = await collect(engine, request(1, None, **{**hot, "seed": 8}))
        assert again == first
        assert other != first

    run(tiny_model, sample)


def test_engine_stop_string_ends_the_text_before_it(tiny_model: str) -> None:
    async def stop(engine: BuiltinEngine) -> None:
        full, _, _ = await collect(engine, request(1, None, max_tokens=12))
        assert len(full) > 6
        cut = full[4:6]
        text, _, finish = await collect(engine, request(1, None, max_tokens=12, stop=(cut,)))
        assert (text, finish) == (full[: full.index(cut)], "stop")

    run(tiny_model, stop)


def test_engine_closed_iterator_frees_its_slot_and_others_go_on(tiny_model: str) -> None:
    async def hang_up(engine: BuiltinEngine) -> None:
        expected = await collect(engine, request(3, None))
        other = asyncio.create_task(collect(engine, request(3, None)))
        async with aclosing(engine.generate(request(1, None, max_tokens=150))) as stream:
            assert (await anext(stream)).prompt_tokens > 0
            assert (await anext(stream)).token_ids
        assert await other == expected
        stats = engine.stats()
        assert (stats.cancelled, stats.waiting) == (1, 0)
        assert await collect(engine, request(3, None)) == expected
        assert stats.completion_tokens < 150

    run(tiny_model, hang_up)


def test_engine_bad_adapter_is_refused_and_leaves_the_model_as_it_was(
    tiny_model: str, tiny_adapters: dict[str, Path], tmp_path: Path, base_model: str
) -> None:
    async def bad(engine: BuiltinEngine) -> None:
        before = await collect(engine, request(1, None))
        foreign = save_adapter(base_model, tmp_path / "foreign", 2, ["q_proj"], seed=3)
        with pytest.raises(ConflictError, match="foreign@1"):
            await engine.load_adapter("foreign@1", foreign)
        await engine.load_adapter("alpha@v1.0", tiny_adapters["alpha@v1.0"])
        alpha = await collect(engine, request(1, "alpha@v1.0"))
        with pytest.raises(ConflictError, match="foreign@1"):
            await engine.load_adapter("foreign@1", foreign)
        with pytest.raises(ConflictError, match="missing@1"):
            await engine.load_adapter("missing@1", tmp_path / "missing")
        assert await collect(engine, request(1, "alpha@v1.0")) == alpha
        assert await collect(engine, request(1, None)) == before
        assert engine.adapters() == ["alpha@v1.0"]

    run(tiny_model, bad)


def test_engine_refuses_what_it_cannot_do(tiny_model: str) -> None:
    async def refuse(engine: BuiltinEngine) -> None:
        with pytest.raises(NotFoundError, match="nobody@1"):
            await collect(engine, request(0, "nobody@1"))
        with pytest.raises(UsageError, match="context of 256"):
            await collect(engine, request(0, None, max_tokens=1000))

    run(tiny_model, refuse)


def test_engine_request_that_fails_is_told_and_harms_nobody(tiny_model: str) -> None:
    async def fail(engine: BuiltinEngine) -> None:
        expected = await collect(engine, request(3, None))
        other = asyncio.create_task(collect(engine, request(3, None)))
        with pytest.raises(UsageError, match="token ids"):
            await collect(engine, replace(request(0, None), prompt_ids=(10**9,)))
        with pytest.raises(UnavailableError, match="generation failed"):
            await collect(engine, request(0, None, temperature=float("nan")))
        assert await other == expected
        assert await collect(engine, request(3, None)) == expected
        stats = engine.stats()
        assert (stats.failed, stats.finished, stats.running) == (1, 3, 0)

    run(tiny_model, fail)


def test_engine_adapter_in_use_is_not_unloaded(
    tiny_model: str, tiny_adapters: dict[str, Path]
) -> None:
    async def in_use(engine: BuiltinEngine) -> None:
        await engine.load_adapter("alpha@v1.0", tiny_adapters["alpha@v1.0"])
        async with aclosing(engine.generate(request(0, "alpha@v1.0"))) as stream:
            await anext(stream)
            with pytest.raises(ConflictError, match="in use"):
                await engine.unload_adapter("alpha@v1.0")
        await engine.check()

    run(tiny_model, in_use)


def test_engine_closing_fails_what_runs_with_a_clear_error(tiny_model: str) -> None:
    async def main() -> None:
        async with running(tiny_model) as engine:
            asked = asyncio.create_task(collect(engine, request(0, None, max_tokens=200)))
            await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="closing"):
            await asked

    asyncio.run(main())
