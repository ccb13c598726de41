"""An answer as OpenAI's bodies: one piece, or chunks of a server-sent event stream.

What OpenAI has no place for (`citations`, `rag`, `answer`) stands beside `choices`; in a stream it
comes with the chunk that has the `finish_reason`.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from cluster.prompts import PROMPT_HASH
from cluster.records import as_json
from serve.answer import Answering, rag_json

HEARTBEAT = b": heartbeat\n\n"
DONE = b"data: [DONE]\n\n"
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

    def chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        """A piece of a stream."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self.body("chat.completion.chunk", [choice])


async def completion(answering: Answering, head: Head) -> dict[str, Any]:
    """The whole answer in one body."""
    async with aclosing(answering.deltas()) as deltas:
        content = "".join([text async for text in deltas])
    message = {
        "role": "assistant",
        "content": content,
        "refusal": None,
        "annotations": answering.annotations,
    }
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": answering.finish_reason,
    }
    body = head.body("chat.completion", [choice])
    return {**body, "usage": usage_json(answering), **_extras(answering)}


async def events(
    answering: Answering, head: Head, include_usage: bool, heartbeat_s: float
) -> AsyncGenerator[bytes, None]:
    """The answer as server-sent events, ended by `[DONE]`; closing it cancels the generation."""
    yield event(head.chunk({"role": "assistant", "content": ""}))
    async with (
        aclosing(answering.deltas()) as deltas,
        aclosing(with_heartbeat(deltas, heartbeat_s)) as texts,
    ):
        async for text in texts:
            yield HEARTBEAT if text is None else event(head.chunk({"content": text}))
    notes = answering.annotations
    last = head.chunk({"annotations": notes} if notes else {}, answering.finish_reason)
    yield event({**last, **_extras(answering)})
    if include_usage:
        yield event({**head.body("chat.completion.chunk", []), "usage": usage_json(answering)})
    yield DONE


async def with_heartbeat(
    items: AsyncIterator[Item], every_s: float
) -> AsyncGenerator[Item | None, None]:
    """The items, and None whenever none came for `every_s`."""
    coming = asyncio.ensure_future(_next(items))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=every_s)
            if not done:
                yield None
                continue
            found = coming.result()
            if not found:
                return
            yield found[0]
            coming = asyncio.ensure_future(_next(items))
    finally:
        coming.cancel()
        await asyncio.wait({coming})


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


def _extras(answering: Answering) -> dict[str, Any]:
    return {
        "answer": answering.text.answer,
        "citations": [as_json(citation) for citation in answering.citations],
        "rag": rag_json(answering),
    }


async def _next(items: AsyncIterator[Item]) -> tuple[Item] | tuple[()]:
    """One item, or nothing at the end: a task cannot carry StopAsyncIteration."""
    async for item in items:
        return (item,)
    return ()
