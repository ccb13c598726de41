"""What a generator replica sends of an answer: every piece, or all at once when nobody reads along."""

import asyncio
from dataclasses import replace

import pytest

from cluster.errors import UnavailableError
from serve.engine.protocol import GenerationChunk, GenerationRequest, SamplingParams
from serve.generator import join
from tests.serve.house import House

MESSAGES = ({"role": "user", "content": "Which button is it?"},)


def answer(house: House, whole: bool) -> list[GenerationChunk]:
    sampling = SamplingParams(9, 0.0, 1.0, (), 0, logprobs=1)
    request = GenerationRequest("r", MESSAGES, None, sampling, whole=whole)

    async def collect() -> list[GenerationChunk]:
        return [chunk async for chunk in house.generator().generate(request)]

    return asyncio.run(collect())


def test_whole_answer_comes_in_one_chunk_after_the_admission(house: House) -> None:
    house.engine.script = ("The ", "blue ", "one.")
    pieces, whole = answer(house, False), answer(house, True)
    assert [chunk.text for chunk in pieces] == ["", "The ", "blue ", "one."]
    assert whole == [pieces[0], join(pieces[1:])]
    assert whole[1] == replace(
        pieces[-1],
        text="The blue one.",
        token_ids=(1, 2, 3),
        logprobs=tuple(token for chunk in pieces for token in chunk.logprobs),
    )


def test_whole_answer_that_fails_on_its_way_raises_what_failed(house: House) -> None:
    house.engine.script = ("The ", UnavailableError("gone"))
    with pytest.raises(UnavailableError, match="gone"):
        answer(house, True)
    assert house.engine.running == 0
