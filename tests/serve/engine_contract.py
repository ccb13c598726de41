"""What every engine must do: functions over the protocol, each given one started engine.

The model is a tiny random Llama in fp32. An engine may serve many of them one after another: each
leaves no adapter and no request behind, and reads counters as differences.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from cluster.errors import ConflictError, NotFoundError, UsageError
from serve.engine.protocol import Engine, GenerationRequest, SamplingParams, TokenLogprob
from tests.serve.alone import Alone

CONTEXT_TOKENS = 256
MAX_RANK = 16
QUESTIONS = [
    "Why?",
    "What does the light ring show while the speaker updates its firmware?",
    "Which rooms?",
    "How long does the battery dock take from empty to full when the speaker is playing loudly?",
    "When?",
]


@dataclass(frozen=True)
class Subject:
    """A started engine of `CONTEXT_TOKENS`, its model, and folders of adapters.

    `adapters` fit; `foreign` is of another model.
    """

    engine: Engine
    model: str
    adapters: dict[str, Path]
    foreign: Path


@dataclass
class Answer:
    """Everything that a request gave."""

    text: str = ""
    ids: list[int] = field(default_factory=list)
    finish: str | None = None
    cached: int = 0
    logprobs: list[TokenLogprob] = field(default_factory=list)


def request(number: int, adapter: str | None, **sampling: Any) -> GenerationRequest:
    values = {"max_tokens": 5 + number % 7, "temperature": 0.0, "top_p": 1.0, "stop": (), "seed": 7}
    messages = ({"role": "user", "content": QUESTIONS[number % len(QUESTIONS)]},)
    params = SamplingParams(**{**values, **sampling})
    return GenerationRequest(f"request-{number}", messages, adapter, params)


async def collect(engine: Engine, asked: GenerationRequest) -> Answer:
    answer = Answer()
    async with aclosing(engine.generate(asked)) as chunks:
        async for chunk in chunks:
            answer.text += chunk.text
            answer.ids += chunk.token_ids
            answer.logprobs += chunk.logprobs
            answer.finish, answer.cached = chunk.finish_reason, chunk.cached_tokens
            assert chunk.completion_tokens == len(answer.ids)
    assert answer.finish is not None
    return answer


@asynccontextmanager
async def loaded(subject: Subject) -> AsyncIterator[list[str]]:
    for name, folder in subject.adapters.items():
        await subject.engine.load_adapter(name, folder)
    yield list(subject.adapters)
    for name in subject.adapters:
        await subject.engine.unload_adapter(name)


async def mixed_requests_equal_transformers_alone(subject: Subject) -> None:
    """Adapters are loaded while a request runs; the answers mix them and the base in one batch."""
    engine, names = subject.engine, [None, *subject.adapters]
    alone = {name: Alone(subject.model, subject.adapters.get(name or "")) for name in names}
    asked = [request(i, names[i % 3]) for i in range(15)]
    before = engine.stats()
    first = asyncio.create_task(collect(engine, asked[0]))
    async with loaded(subject):
        answers = [await first, *await asyncio.gather(*(collect(engine, r) for r in asked[1:]))]
    for one, answer in zip(asked, answers, strict=True):
        assert answer.ids == alone[one.adapter].ids(one)
    assert len({tuple(answer.ids[:3]) for answer in answers}) > 5
    after = engine.stats()
    assert after.finished - before.finished == 15
    assert after.completion_tokens - before.completion_tokens == sum(len(a.ids) for a in answers)


async def unloaded_adapter_is_gone_and_comes_back_the_same(subject: Subject) -> None:
    engine = subject.engine
    base = await collect(engine, request(1, None))
    async with loaded(subject) as names:
        assert engine.adapters() == sorted(names)
        answers = {name: (await collect(engine, request(1, name))).ids for name in names}
        assert len({tuple(ids) for ids in [base.ids, *answers.values()]}) == 3
        await engine.unload_adapter(names[0])
        with pytest.raises(NotFoundError, match=names[0]):
            await collect(engine, request(1, names[0]))
        assert (await collect(engine, request(1, names[1]))).ids == answers[names[1]]
        await engine.load_adapter(names[0], subject.adapters[names[0]])
        assert (await collect(engine, request(1, names[0]))).ids == answers[names[0]]
    assert engine.adapters() == []
    assert (await collect(engine, request(1, None))).ids == base.ids
    await engine.unload_adapter("nobody@1")


async def first_chunk_is_empty_and_counts_the_prompt(subject: Subject) -> None:
    asked = request(1, None)
    async with aclosing(subject.engine.generate(asked)) as chunks:
        first = await anext(chunks)
        assert (first.text, first.token_ids, first.finish_reason) == ("", (), None)
        assert first.prompt_tokens == subject.engine.count_tokens(asked.messages)
        assert first.prompt_tokens == Alone(subject.model, None).prompt_1T(asked).shape[1]


async def prompt_ids_replace_messages(subject: Subject) -> None:
    asked = request(1, None)
    ids = tuple(Alone(subject.model, None).prompt_1T(asked)[0].tolist())
    given = replace(request(2, None, max_tokens=asked.sampling.max_tokens), prompt_ids=ids)
    assert (await collect(subject.engine, given)).ids == (await collect(subject.engine, asked)).ids


async def length_and_text_agree_with_the_tokens(subject: Subject) -> None:
    answer = await collect(subject.engine, request(1, None, max_tokens=12))
    tokenizer = AutoTokenizer.from_pretrained(subject.model)
    assert (len(answer.ids), answer.finish) == (12, "length")
    assert answer.text == tokenizer.decode(answer.ids, skip_special_tokens=True).rstrip("\ufffd")


async def stop_string_ends_the_text_before_it(subject: Subject) -> None:
    engine = subject.engine
    full = await collect(engine, request(1, None, max_tokens=12))
    cut = full.text[4:6]
    answer = await collect(engine, request(1, None, max_tokens=12, stop=("never seen", cut)))
    assert (answer.text, answer.finish) == (full.text[: full.text.index(cut)], "stop")
    assert len(answer.ids) <= len(full.ids)


async def sampling_repeats_by_seed_whatever_else_runs(subject: Subject) -> None:
    engine = subject.engine
    hot = {"temperature": 1.0, "top_p": 0.9, "max_tokens": 8}
    first = await collect(engine, request(1, None, **hot))
    others = [collect(engine, request(i, None, temperature=0.7, seed=i)) for i in range(2)]
    again, *_ = await asyncio.gather(collect(engine, request(1, None, **hot)), *others)
    other = await collect(engine, request(1, None, **{**hot, "seed": 8}))
    assert again.ids == first.ids
    assert other.ids != first.ids
    for seed in (-1, -(2**63), 2**63 - 1):
        two = [await collect(engine, request(1, None, **{**hot, "seed": seed})) for _ in range(2)]
        assert two[0].ids == two[1].ids


async def top_k_of_one_is_greedy(subject: Subject) -> None:
    greedy = await collect(subject.engine, request(1, None))
    answer = await collect(subject.engine, request(1, None, temperature=1.5, top_k=1))
    assert answer.ids == greedy.ids


async def logprobs_are_the_models_own(subject: Subject) -> None:
    alone, asked = Alone(subject.model, None), request(1, None, max_tokens=6)
    for temperature, top in ((0.0, 3), (1.0, 2), (0.0, 0)):
        params = replace(asked.sampling, temperature=temperature, logprobs=top)
        answer = await collect(subject.engine, replace(asked, sampling=params))
        expected_TV = alone.logprobs_TV(asked, answer.ids)
        assert [of.chosen.token_id for of in answer.logprobs] == answer.ids
        for of, expected_V in zip(answer.logprobs, expected_TV, strict=True):
            likeliest_K = expected_V.topk(top)
            expected = float(expected_V[of.chosen.token_id])
            assert of.chosen.logprob == pytest.approx(expected, abs=1e-3)
            assert [other.token_id for other in of.top] == likeliest_K.indices.tolist()
            found = [other.logprob for other in of.top]
            assert found == pytest.approx(likeliest_K.values, abs=1e-3)
        said = b"".join(of.chosen.piece for of in answer.logprobs)
        assert said.decode(errors="replace").startswith(answer.text.rstrip("\ufffd"))
    assert (await collect(subject.engine, asked)).logprobs == []


async def closed_iterator_frees_its_room_and_others_go_on(subject: Subject) -> None:
    engine, before = subject.engine, subject.engine.stats()
    expected = await collect(engine, request(3, None))
    other = asyncio.create_task(collect(engine, request(3, None)))
    async with aclosing(engine.generate(request(1, None, max_tokens=150))) as stream:
        assert (await anext(stream)).prompt_tokens > 0
        assert (await anext(stream)).token_ids
    assert (await other).ids == expected.ids
    after = engine.stats()
    assert (after.cancelled - before.cancelled, after.running, after.waiting) == (1, 0, 0)
    assert after.completion_tokens - before.completion_tokens < 150
    assert (await collect(engine, request(3, None))).ids == expected.ids


async def shared_beginning_is_computed_once_an_adapter(subject: Subject) -> None:
    engine = subject.engine
    ids = tuple(range(1000, 1200))
    async with loaded(subject) as names:
        for adapter in (None, names[0]):
            asked = replace(request(1, adapter, max_tokens=4), prompt_ids=ids)
            before = engine.stats()
            first, again = await collect(engine, asked), await collect(engine, asked)
            assert first.ids == again.ids
            assert (first.cached, again.cached > 0) == (0, True)
            after = engine.stats()
            assert after.cached_tokens - before.cached_tokens == again.cached
            assert after.prompt_tokens - before.prompt_tokens == 2 * len(ids)


async def bad_adapter_is_refused_and_harms_nobody(subject: Subject) -> None:
    engine = subject.engine
    base = await collect(engine, request(1, None))
    async with loaded(subject) as names:
        answer = await collect(engine, request(1, names[0]))
        bad = {"foreign@1": subject.foreign, "missing@1": subject.foreign / "missing"}
        for name, folder in bad.items():
            with pytest.raises(ConflictError, match=name):
                await engine.load_adapter(name, folder)
        assert engine.adapters() == sorted(names)
        assert (await collect(engine, request(1, names[0]))).ids == answer.ids
    assert (await collect(engine, request(1, None))).ids == base.ids


async def adapter_in_use_is_not_unloaded(subject: Subject) -> None:
    engine = subject.engine
    async with loaded(subject) as names, aclosing(engine.generate(request(0, names[0]))) as stream:
        await anext(stream)
        with pytest.raises(ConflictError, match="in use"):
            await engine.unload_adapter(names[0])
        await stream.aclose()


async def what_cannot_be_done_is_said(subject: Subject) -> None:
    engine, before = subject.engine, subject.engine.stats()
    with pytest.raises(NotFoundError, match="nobody@1"):
        await collect(engine, request(0, "nobody@1"))
    with pytest.raises(UsageError, match=f"context of {CONTEXT_TOKENS}"):
        await collect(engine, request(0, None, max_tokens=1000))
    for ids in ((10**9,), (-1,)):
        with pytest.raises(UsageError, match="token ids"):
            await collect(engine, replace(request(0, None), prompt_ids=ids))
    assert engine.stats() == before
    assert engine.context_tokens == CONTEXT_TOKENS


async def check_answers_idle_and_busy_and_leaves_no_trace(subject: Subject) -> None:
    engine, before = subject.engine, subject.engine.stats()
    await engine.check()
    assert replace(engine.stats(), steps=before.steps) == before
    async with aclosing(engine.generate(request(1, None, max_tokens=50))) as stream:
        await anext(stream)
        await anext(stream)
        await engine.check()
    await engine.start()  # again: does nothing


CONTRACT: list[Callable[[Subject], Awaitable[None]]] = [
    mixed_requests_equal_transformers_alone,
    unloaded_adapter_is_gone_and_comes_back_the_same,
    first_chunk_is_empty_and_counts_the_prompt,
    prompt_ids_replace_messages,
    length_and_text_agree_with_the_tokens,
    stop_string_ends_the_text_before_it,
    sampling_repeats_by_seed_whatever_else_runs,
    top_k_of_one_is_greedy,
    logprobs_are_the_models_own,
    closed_iterator_frees_its_room_and_others_go_on,
    shared_beginning_is_computed_once_an_adapter,
    bad_adapter_is_refused_and_harms_nobody,
    adapter_in_use_is_not_unloaded,
    what_cannot_be_done_is_said,
    check_answers_idle_and_busy_and_leaves_no_trace,
]
