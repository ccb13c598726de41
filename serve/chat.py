"""`POST /v1/chat/completions`: deadline, hang-up and errors around one answer."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from cluster.errors import OpenbookError
from cluster.settings import ServeSettings
from serve.answer import Answerer, Answering
from serve.border import deadline, heard, note, request_id, until_hang_up
from serve.deadline import Deadline
from serve.problems import INTERNAL, Problem, of_error, of_timeout
from serve.replies import Head, completion, event, events
from serve.schema import ChatRequest

logger = logging.getLogger(__name__)


class Chat:
    """The route."""

    def __init__(self, answerer: Answerer, settings: ServeSettings) -> None:
        self._answerer = answerer
        self._settings = settings

    async def __call__(self, body: ChatRequest, request: Request) -> Response:
        """Answer a chat, streamed or not, from documents where `rag` says so."""
        id = request_id(request.scope)
        choices = await heard(request, self._answerer.begin(body, id))
        if isinstance(choices, Response):
            return choices
        head = Head(f"chatcmpl-{id}", int(time.time()), choices[0].model)
        if body.stream:
            usage = body.stream_options is not None and body.stream_options.include_usage
            stream = events(choices, head, usage, self._settings.heartbeat_s)
            return EventStream(choices, stream)
        try:
            reply = await heard(request, completion(choices, head))
        finally:
            await _end(choices, request.scope)
        return reply if isinstance(reply, Response) else JSONResponse(reply)


class EventStream(StreamingResponse):
    """Server-sent events that end early when the client leaves or the deadline passes.

    What goes wrong after the first byte is told in a last `{"error": ...}` event.
    """

    def __init__(self, choices: Sequence[Answering], stream: AsyncGenerator[bytes, None]) -> None:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        super().__init__(stream, media_type="text/event-stream", headers=headers)
        self._choices = choices
        self._events = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            sent = await until_hang_up(receive, self._send(scope, send))
            if sent is None:
                note(scope, cancelled=True)
        finally:
            await _end(self._choices, scope)

    async def _send(self, scope: Scope, send: Send) -> bool:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        problem = await self._forward(send, deadline(scope))
        if problem is not None:
            note(scope, error=problem.code)
            await send(_body(event(problem.body())))
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _forward(self, send: Send, until: Deadline) -> Problem | None:
        try:
            async with asyncio.timeout_at(until.at), aclosing(self._events) as parts:
                async for part in parts:
                    await send(_body(part))
        except OpenbookError as error:
            return of_error(error)
        except TimeoutError:
            return of_timeout(until.seconds)
        except Exception:
            logger.exception("a stream failed")
            return INTERNAL
        return None


async def _end(choices: Sequence[Answering], scope: Scope) -> None:
    for answering in choices:
        await answering.close()
    note(
        scope,
        model=choices[0].model,
        rag=choices[0].evidence.status,
        prompt_tokens=choices[0].prompt_tokens,
        completion_tokens=sum(answering.completion_tokens for answering in choices),
    )


def _body(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}
