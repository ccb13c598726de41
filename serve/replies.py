"""An answer as OpenAI's bodies: one piece, or chunks of a server-sent event stream.

What OpenAI has no place for (`citations`, `rag`, `answer`) stands beside `choices`; in a stream it
comes with the chunk that has the `finish_reason`, and in every choice where there are several.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from cluster.prompts import PROMPT_HASH
from cluster.records import as_json
from serve.answer import Answering, Delta, rag_json
from serve.logprobs import logprobs_json

HEARTBEAT = b": heartbeat\n\n"
DONE = b"data: [DONE]\n\n"
SILENCE = -1
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Head:
    """What all pieces of one answer share."""

    id: str
    created: int
    model: str

    def body(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """A body of OpenAI type `kind`."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": PROMPT_HASH,
            "choices": choices,
        }

    def chunk(
        self,
        index: int,
        delta: dict[str, Any],
        finish: str | None = None,
        logprobs: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A piece of a stream."""
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return self.body("chat.completion.chunk", [choice])


async def completion(choices: Sequence[Answering], head: Head) -> dict[str, Any]:
    """The whole answer in one body; of several choices the first one's citations stand beside them."""
    parts: list[list[Delta]] = [[] for _ in choices]
    streams = [answering.deltas() for answering in choices]
    async with aclosing(gathered(streams, None)) as pieces:
        async for index, delta in pieces:
            parts[index] += [delta] if delta else []
    told = [_choice(*told) for told in zip(range(len(choices)), choices, parts, strict=True)]
    if len(choices) > 1:
        told = [{**one, **_evidence(a)} for one, a in zip(told, choices, strict=True)]
    body = head.body("chat.completion", told)
    return {**body, "usage": total_usage(choices), **_extras(choices[0])}


async def events(
    choices: Sequence[Answering], head: Head, include_usage: bool, heartbeat_s: float
) -> AsyncGenerator[bytes, None]:
    """The answer as server-sent events, ended by `[DONE]`; closing it cancels the generation.

    Pieces of several choices come as they are generated, told apart by `index`.
    """
    for index in range(len(choices)):
        yield event(head.chunk(index, {"role": "assistant", "content": ""}))
    streams = [answering.deltas() for answering in choices]
    async with aclosing(gathered(streams, heartbeat_s)) as pieces:
        async for index, delta in pieces:
            if index == SILENCE:
                yield HEARTBEAT
            elif delta is None:
                yield event(_last(choices[index], head, index))
            else:
                logprobs = logprobs_json(delta.tokens) if choices[index].logprobs else None
                yield event(head.chunk(index, {"content": delta.text}, None, logprobs))
    if include_usage:
        yield event({**head.body("chat.completion.chunk", []), "usage": total_usage(choices)})
    yield DONE


async def gathered(
    streams: Sequence[AsyncGenerator[Item, None]], silence_s: float | None
) -> AsyncGenerator[tuple[int, Item | None], None]:
    """Items of all streams as they come, with the stream's number; None when it ends.

    `(SILENCE, None)` whenever nothing came for `silence_s`. Closing it closes the streams.
    """
    coming = {asyncio.ensure_future(_next(stream)): n for n, stream in enumerate(streams)}
    try:
        while coming:
            done, _ = await asyncio.wait(
                coming, timeout=silence_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                yield SILENCE, None
            for task in done:
                number = coming.pop(task)
                found = task.result()
                if found:
                    coming[asyncio.ensure_future(_next(streams[number]))] = number
                yield number, found[0] if found else None
    finally:
        await _stop(coming)
        for stream in streams:
            await stream.aclose()


def event(body: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def usage_json(answering: Answering) -> dict[str, Any]:
    """Token counts; `cached_tokens` of the prompt were not computed again."""
    return {
        "prompt_tokens": answering.prompt_tokens,
        "completion_tokens": answering.completion_tokens,
        "total_tokens": answering.prompt_tokens + answering.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": answering.cached_tokens},
    }


def total_usage(choices: Sequence[Answering]) -> dict[str, Any]:
    """Token counts of all choices; they share one prompt."""
    usage = usage_json(choices[0])
    completion_tokens = sum(answering.completion_tokens for answering in choices)
    return {
        **usage,
        "completion_tokens": completion_tokens,
        "total_tokens": usage["prompt_tokens"] + completion_tokens,
    }


def _choice(index: int, answering: Answering, parts: Sequence[Delta]) -> dict[str, Any]:
    tokens = (token for part in parts for token in part.tokens)
    message = {
        "role": "assistant",
        "content": "".join(part.text for part in parts),
        "refusal": None,
        "annotations": answering.annotations,
    }
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs_json(tokens) if answering.logprobs else None,
        "finish_reason": answering.finish_reason,
    }


def _last(answering: Answering, head: Head, index: int) -> dict[str, Any]:
    notes = answering.annotations
    chunk = head.chunk(index, {"annotations": notes} if notes else {}, answering.finish_reason)
    return {**chunk, **_extras(answering)}


def _evidence(answering: Answering) -> dict[str, Any]:
    return {
        "answer": answering.text.answer,
        "citations": [as_json(citation) for citation in answering.citations],
    }


def _extras(answering: Answering) -> dict[str, Any]:
    return {**_evidence(answering), "rag": rag_json(answering)}


async def _stop(tasks: Collection["asyncio.Future[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def _next(items: AsyncIterator[Item]) -> tuple[Item] | tuple[()]:
    """One item, or nothing at the end: a task cannot carry StopAsyncIteration."""
    async for item in items:
        return (item,)
    return ()
