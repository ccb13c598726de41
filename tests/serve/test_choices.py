"""Several choices of one answer: each a request of its own with its own seed, one prompt, one retrieval."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from cluster.errors import OverloadedError
from serve.engine.protocol import GenerationChunk, GenerationRequest
from serve.replies import SILENCE, gathered
from tests.serve.fakes import ScriptedEngine
from tests.serve.house import QUOTING, SHOWN, House, error_of, events

RAG = {"corpus": "lamps"}


def test_choices_have_their_own_seeds_and_share_prompt_and_retrieval(house: House) -> None:
    body = house.chat(n=3, seed=7, temperature=1, rag=RAG).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert {choice["message"]["content"] for choice in body["choices"]} == {SHOWN}
    assert all(choice["citations"] == body["citations"] for choice in body["choices"])
    assert all(choice["answer"] == "10 seconds" for choice in body["choices"])
    asked = house.engine.requests
    assert sorted(request.sampling.seed for request in asked) == [7, 8, 9]
    assert len({request.request_id for request in asked}) == 3
    assert len({request.messages for request in map(_hashable, asked)}) == 1
    assert len(house.retriever.queries) == 1
    usage = body["usage"]
    assert usage["completion_tokens"] == 3 * len(QUOTING)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_choices_of_one_are_the_answer_as_ever(house: House) -> None:
    (choice,) = house.chat(n=1, rag=RAG).json()["choices"]
    assert set(choice) == {"index", "message", "logprobs", "finish_reason"}


def test_choices_streamed_are_told_apart_by_index(house: House) -> None:
    options = {"include_usage": True}
    *pieces, usage = events(house.chat(n=2, stream=True, stream_options=options, rag=RAG))
    texts: defaultdict[int, str] = defaultdict(str)
    last = {}
    for piece in pieces:
        (choice,) = piece["choices"]
        texts[choice["index"]] += choice["delta"].get("content", "")
        if choice["finish_reason"]:
            last[choice["index"]] = piece
    assert texts == {0: SHOWN, 1: SHOWN}
    assert set(last) == {0, 1}
    assert all(piece["citations"][0]["index"] == 2 for piece in last.values())
    assert usage["usage"]["completion_tokens"] == 2 * len(QUOTING)


class HalfFull(ScriptedEngine):
    """Takes one request and refuses the next."""

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationChunk, None]:
        if self.running:
            raise OverloadedError("one is enough")
        async for chunk in super().generate(request):
            yield chunk


@pytest.mark.parametrize("stream", [False, True])
def test_choices_are_refused_together_when_one_is(house: House, stream: bool) -> None:
    house.engine = HalfFull(QUOTING)
    assert error_of(house.chat(n=2, stream=stream), 429)["code"] == "overloaded"
    assert house.engine.running == 0


def test_choices_error_in_one_ends_the_stream_and_frees_all(house: House) -> None:
    house.engine.script = ["Some ", OverloadedError("too much")]
    last = json.loads(house.chat(n=3, stream=True).text.strip().split("\n\n")[-1][6:])
    assert last["error"]["code"] == "overloaded"
    assert house.engine.running == 0
    error_of(house.chat(n=3), 429)
    assert house.engine.running == 0


def test_choices_that_nothing_was_found_for_all_say_so(house: House) -> None:
    house.settings = house.settings.model_copy(update={"require_retrieval": True})
    house.retriever.hits = ()
    body = house.chat(n=2, rag=RAG).json()
    assert all("found nothing" in c["message"]["content"] for c in body["choices"])
    assert house.engine.requests == []


def test_gathered_items_come_as_they_do_and_silence_is_told() -> None:
    async def numbers(*values: int, go: asyncio.Event) -> AsyncGenerator[int, None]:
        for value in values:
            await go.wait()
            yield value

    async def main() -> list[Any]:
        now, later = asyncio.Event(), asyncio.Event()
        now.set()
        found = []
        streams = [numbers(1, 2, go=now), numbers(3, go=later), numbers(go=now)]
        async for number, item in gathered(streams, 0.01):
            if number == SILENCE:
                later.set()
            found.append((number, item))
        return found

    found = asyncio.run(main())
    assert [pair for pair in found if pair[0] == 0] == [(0, 1), (0, 2), (0, None)]
    assert found[-2:] == [(1, 3), (1, None)]
    assert (SILENCE, None) in found
    assert (2, None) in found


def _hashable(request: GenerationRequest) -> Any:
    class Told:
        messages = tuple(message["content"] for message in request.messages)

    return Told
