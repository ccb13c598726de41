"""What every engine promises: each request gets what it would get alone, and harms nobody.

A tiny random Llama in fp32 with random adapters of different rank and target modules. Written
against the protocol; an engine of another kind joins by a line in `tests.serve.engines.ENGINES`.
"""

import asyncio
import random
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.errors import NotFoundError, UnavailableError, UsageError
from serve.engine.protocol import Engine, GenerationRequest
from tests.serve.alone import Alone
from tests.serve.engines import ENGINES, Limits, collect, prompt, request, run, running

pytestmark = pytest.mark.parametrize("kind", sorted(ENGINES))


def mixed_requests(adapters: list[str], count: int) -> list[GenerationRequest]:
    """Prompts of 1 to 150 tokens, every third beginning like another one, adapters in turn."""
    draw = random.Random(0)
    names, asked, earlier = [None, *adapters], [], [draw.choices(range(900), k=90)]
    for number in range(count):
        shared = draw.choice(earlier)[: draw.randint(0, 90)] if number % 3 else []
        ids = [*shared, *draw.choices(range(900), k=draw.choice([1, 5, 60]))]
        earlier.append(ids)
        asked.append(prompt(ids, names[number % len(names)], max_tokens=1 + number % 9))
    return asked


@pytest.mark.slow
@pytest.mark.parametrize(
    "limits",
    [
        Limits(),
        Limits(max_batch=8, prefix_slots=0, step_tokens=16, hot_ranks=8),
        Limits(max_batch=8, prefix_slots=6, step_tokens=256, hot_ranks=64),
    ],
    ids=["small", "chunked", "wide"],
)
def test_engine_mixed_dynamic_load_equals_generate_alone(
    tiny_model: str,
    tiny_adapters: dict[str, Path],
    alone: dict[str | None, Alone],
    limits: Limits,
    kind: str,
) -> None:
    asked = [request(0, None), *mixed_requests(list(tiny_adapters), 23)]

    async def load(engine: Engine) -> None:
        late = asyncio.create_task(collect(engine, asked[0]))
        for name, folder in tiny_adapters.items():  # while a request runs
            await engine.load_adapter(name, folder)
        rest = []
        for number, one in enumerate(asked[1:]):
            rest.append(asyncio.create_task(collect(engine, one)))
            if number % 5 == 0:
                await rest[0]  # others join later
            if number % 7 == 0:
                async with aclosing(engine.generate(replace(one, request_id="left"))) as left:
                    await anext(left)
        results = [await late, *[await task for task in rest]]
        outputs = set()
        for one, (_, ids, _) in zip(asked, results, strict=True):
            assert ids == alone[one.adapter].ids(one)
            outputs.add(tuple(ids[:3]))
        assert len(outputs) > 8
        stats = engine.stats()
        assert (stats.finished, stats.running, stats.waiting) == (24, 0, 0)
        assert stats.prompt_tokens == stats.cached_tokens + stats.prefill_tokens or stats.cancelled

    run(tiny_model, load, limits, kind)


def test_engine_known_prefix_is_not_computed_again_and_changes_nothing(
    tiny_model: str, tiny_adapters: dict[str, Path], alone: dict[str | None, Alone], kind: str
) -> None:
    shared = list(range(100, 180))
    ids = [[*shared, 5, 6, 7], [*shared, 8, 9], shared]

    async def ask_all(engine: Engine) -> None:
        await engine.load_adapter("alpha@v1.0", tiny_adapters["alpha@v1.0"])
        for adapter in (None, "alpha@v1.0"):
            cached = []
            for asked in (prompt(one, adapter) for one in ids):
                chunks = [chunk async for chunk in engine.generate(asked)]
                got = [token for chunk in chunks for token in chunk.token_ids]
                assert got == alone[adapter].ids(asked)
                cached.append(chunks[-1].cached_tokens)
            assert cached == [0, 80, 79]  # the last token is always computed
        assert engine.stats().cached_tokens == 2 * (80 + 79)
        await engine.unload_adapter("alpha@v1.0")
        await engine.load_adapter("alpha@v1.0", tiny_adapters["beta@v1.0"])
        chunks = [chunk async for chunk in engine.generate(prompt(ids[0], "alpha@v1.0"))]
        assert chunks[-1].cached_tokens == 0

    run(tiny_model, ask_all, kind=kind)


def test_engine_requests_that_arrive_together_compute_their_prefix_once(
    tiny_model: str, alone: dict[str | None, Alone], kind: str
) -> None:
    shared = list(range(300, 400))
    asked = [prompt([*shared, number, 7]) for number in range(5)]

    async def together(engine: Engine) -> None:
        results = await asyncio.gather(*(collect(engine, one) for one in asked))
        assert [ids for _, ids, _ in results] == [alone[None].ids(one) for one in asked]
        assert engine.stats().cached_tokens == 4 * 100

    run(tiny_model, together, kind=kind)


def test_engine_sampling_repeats_by_seed_whatever_else_runs(tiny_model: str, kind: str) -> None:
    async def sample(engine: Engine) -> None:
        hot = {"temperature": 1.0, "top_p": 0.9, "top_k": 50, "max_tokens": 8}
        first = await collect(engine, request(1, None, **hot))
        others = [collect(engine, request(i, None, temperature=0.7, seed=i)) for i in range(2)]
        again, *_ = await asyncio.gather(collect(engine, request(1, None, **hot)), *others)
        other = await collect(engine, request(1, None, **{**hot, "seed": 8}))
        greedy = await collect(engine, request(1, None, max_tokens=8))
        assert again == first
        assert other != first
        assert await collect(engine, request(1, None, **{**hot, "top_k": 1})) == greedy

    run(tiny_model, sample, kind=kind)


def test_engine_logprobs_are_of_the_chosen_and_the_likeliest_tokens(
    tiny_model: str, kind: str
) -> None:
    async def ask(engine: Engine) -> None:
        asked = request(1, None, max_tokens=4, logprobs=3)
        chunks = [chunk async for chunk in engine.generate(asked)]
        tokens = [token for chunk in chunks for token in chunk.token_ids]
        logprobs = [logprob for chunk in chunks for logprob in chunk.logprobs]
        assert [of.chosen.token_id for of in logprobs] == tokens
        for of in logprobs:
            assert of.top[0] == of.chosen  # greedy
            assert len(of.top) == 3
            assert 0 >= of.top[0].logprob >= of.top[1].logprob >= of.top[2].logprob
        plain = [chunk async for chunk in engine.generate(request(1, None))]
        assert not any(chunk.logprobs for chunk in plain)

    run(tiny_model, ask, kind=kind)


def test_engine_stop_string_ends_the_text_before_it(tiny_model: str, kind: str) -> None:
    async def stop(engine: Engine) -> None:
        full, _, _ = await collect(engine, request(1, None, max_tokens=12))
        assert len(full) > 6
        cut = full[4:6]
        text, _, finish = await collect(engine, request(1, None, max_tokens=12, stop=(cut,)))
        assert (text, finish) == (full[: full.index(cut)], "stop")

    run(tiny_model, stop, kind=kind)


def test_engine_closed_iterator_frees_its_slot_and_others_go_on(tiny_model: str, kind: str) -> None:
    async def hang_up(engine: Engine) -> None:
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

    run(tiny_model, hang_up, Limits(max_batch=1), kind)


def test_engine_long_prompt_does_not_hold_up_a_running_answer(tiny_model: str, kind: str) -> None:
    async def interleave(engine: Engine) -> None:
        limits_steps = 200 // 16  # steps that the long prompt takes
        async with aclosing(engine.generate(request(0, None, max_tokens=100))) as stream:
            await anext(stream)
            await anext(stream)
            long = asyncio.create_task(collect(engine, prompt([7] * 200, max_tokens=1)))
            tokens = 0
            while not long.done():
                tokens += len((await anext(stream)).token_ids)
            assert tokens >= limits_steps

    run(tiny_model, interleave, Limits(step_tokens=16), kind)


def test_engine_refuses_what_it_cannot_do(tiny_model: str, kind: str) -> None:
    async def refuse(engine: Engine) -> None:
        with pytest.raises(NotFoundError, match="nobody@1"):
            await collect(engine, request(0, "nobody@1"))
        with pytest.raises(UsageError, match="context of 256"):
            await collect(engine, request(0, None, max_tokens=1000))

    run(tiny_model, refuse, kind=kind)


def test_engine_request_that_fails_is_told_and_harms_nobody(tiny_model: str, kind: str) -> None:
    async def fail(engine: Engine) -> None:
        expected = await collect(engine, request(3, None))
        other = asyncio.create_task(collect(engine, request(3, None)))
        with pytest.raises(UsageError, match="token ids"):
            await collect(engine, prompt([10**9]))
        with pytest.raises(UnavailableError, match="generation failed"):
            await collect(engine, request(0, None, temperature=float("nan")))
        assert await other == expected
        assert await collect(engine, request(3, None)) == expected
        stats = engine.stats()
        assert (stats.failed, stats.finished, stats.running) == (1, 3, 0)

    run(tiny_model, fail, kind=kind)


def test_engine_closing_fails_what_runs_with_a_clear_error(tiny_model: str, kind: str) -> None:
    async def main() -> None:
        async with running(tiny_model, kind=kind) as engine:
            asked = asyncio.create_task(collect(engine, request(0, None, max_tokens=200)))
            await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="closing"):
            await asked
        with pytest.raises(UnavailableError, match="not started"):
            await engine.check()

    asyncio.run(main())
