"""What a generator replica sends of an answer: every piece, or all at once when nobody reads along."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.adapters import AdapterRegistry
from cluster.errors import OpenbookError, UnavailableError
from cluster.objects import LocalStore
from cluster.prompts import PROMPT_HASH
from serve.adapters.cache import AdapterCache
from serve.adapters.disk import Disk
from serve.adapters.files import AdapterFiles
from serve.adapters.fit import Fit
from serve.engine.protocol import GenerationChunk, GenerationRequest, SamplingParams
from serve.generator import Generator, join
from tests.serve.fakes import ScriptedEngine
from tests.serve.published import BASE_MODEL

MESSAGES = ({"role": "user", "content": "Which button is it?"},)
PIECES = ("The ", "blue ", "one.")


Answer = Callable[[Sequence[str | OpenbookError], bool], list[GenerationChunk]]


@pytest.fixture
def ask(store: LocalStore, tmp_path: Path) -> Answer:
    """A script and whether the answer is wanted whole -> what the generator sends."""

    def answer(script: Sequence[str | OpenbookError], whole: bool) -> list[GenerationChunk]:
        engine = ScriptedEngine(script)
        files = AdapterFiles(
            AdapterRegistry(store),
            Disk(tmp_path / "cache", 1 << 20),
            Fit(BASE_MODEL, PROMPT_HASH, 8),
            retry_s=0.0,
        )
        generator = Generator(engine, AdapterCache(engine, files, max_adapters=1))
        sampling = SamplingParams(9, 0.0, 1.0, (), 0, logprobs=1)
        request = GenerationRequest("r", MESSAGES, None, sampling, whole=whole)

        async def collect() -> list[GenerationChunk]:
            found = [chunk async for chunk in generator.generate(request)]
            assert engine.running == 0
            return found

        return asyncio.run(collect())

    return answer


def test_whole_answer_comes_in_one_chunk_after_the_admission(ask: Answer) -> None:
    pieces, whole = ask(PIECES, False), ask(PIECES, True)
    assert [chunk.text for chunk in pieces] == ["", *PIECES]
    assert whole == [pieces[0], join(pieces[1:])]
    assert whole[1] == replace(
        pieces[-1],
        text="The blue one.",
        token_ids=(1, 2, 3),
        logprobs=tuple(token for chunk in pieces for token in chunk.logprobs),
    )


def test_whole_answer_that_fails_on_its_way_raises_what_failed(ask: Answer) -> None:
    with pytest.raises(UnavailableError, match="gone"):
        ask(["The ", UnavailableError("gone")], True)
