"""`POST /v1/chat/completions`: deadline, hang-up and errors around one answer."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from cluster.errors import OpenbookError, UsageError
from cluster.settings import ServeSettings
from serve.answer import Answerer, Answering
from serve.border import note, request_id, until_hang_up
from serve.problems import INTERNAL, Problem, of_error, of_timeout
from serve.replies import Head, completion, event, events
from serve.schema import ChatRequest

logger = logging.getLogger(__name__)
TIMEOUT_HEADER = "x-request-timeout-seconds"
HUNG_UP = 499  # nobody reads it; the log does
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Deadline:
    """`seconds` from the request's arrival, and the same as a time of the event loop."""

    seconds: float
    at: float


class Chat:
    """The route."""

    def __init__(self, answerer: Answerer, settings: ServeSettings) -> None:
        self._answerer = answerer
        self._settings = settings

    async def __call__(self, body: ChatRequest, request: Request) -> Response:
        """Answer a chat, streamed or not, from documents where `rag` says so."""
        deadline = _deadline(request, self._settings.request_timeout_s)
        id = request_id(request.scope)
        answering = await _heard(request, deadline, self._answerer.begin(body, id))
        if isinstance(answering, Response):
            return answering
        head = Head(f"chatcmpl-{id}", int(time.time()), answering.model)
        if body.stream:
            usage = body.stream_options is not None and body.stream_options.include_usage
            stream = events(answering, head, usage, self._settings.heartbeat_s)
            return EventStream(answering, stream, deadline)
        try:
            reply = await _heard(request, deadline, completion(answering, head))
        finally:
            await _end(answering, request.scope)
        return reply if isinstance(reply, Response) else JSONResponse(reply)


class EventStream(StreamingResponse):
    """Server-sent events that end early when the client leaves or the deadline passes.

    What goes wrong after the first byte is told in a last `{"error": ...}` event.
    """

    def __init__(
        self, answering: Answering, stream: AsyncGenerator[bytes, None], deadline: Deadline
    ) -> None:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        super().__init__(stream, media_type="text/event-stream", headers=headers)
        self._answering = answering
        self._events = stream
        self._deadline = deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            sent = await until_hang_up(receive, self._send(scope, send))
            if sent is None:
                note(scope, cancelled=True)
        finally:
            await _end(self._answering, scope)

    async def _send(self, scope: Scope, send: Send) -> bool:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        problem = await self._forward(send)
        if problem is not None:
            note(scope, error=problem.code)
            await send(_body(event(problem.body())))
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _forward(self, send: Send) -> Problem | None:
        try:
            async with asyncio.timeout_at(self._deadline.at), aclosing(self._events) as parts:
                async for part in parts:
                    await send(_body(part))
        except OpenbookError as error:
            return of_error(error)
        except TimeoutError:
            return of_timeout(self._deadline.seconds)
        except Exception:
            logger.exception("a stream failed")
            return INTERNAL
        return None


async def _heard(
    request: Request, deadline: Deadline, work: Coroutine[Any, Any, Result]
) -> Result | Response:
    """The result of `work`, or the response when the client left or the deadline passed."""
    try:
        async with asyncio.timeout_at(deadline.at):
            result = await until_hang_up(request.receive, work)
    except TimeoutError:
        problem = of_timeout(deadline.seconds)
        return JSONResponse(problem.body(), problem.status)
    if result is None:
        note(request.scope, cancelled=True)
        return Response(status_code=HUNG_UP)
    return result


async def _end(answering: Answering, scope: Scope) -> None:
    await answering.close()
    note(
        scope,
        model=answering.model,
        rag=answering.evidence.status,
        prompt_tokens=answering.prompt_tokens,
        completion_tokens=answering.completion_tokens,
    )


def _deadline(request: Request, longest_s: float) -> Deadline:
    given = request.headers.get(TIMEOUT_HEADER)
    try:
        seconds = longest_s if given is None else min(float(given), longest_s)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise UsageError(f"header {TIMEOUT_HEADER}: {given!r} is not a positive number of seconds")
    # Serve's proxy reads the same header and answers without a body of ours: be a little earlier
    margin = min(0.2, seconds / 10)
    return Deadline(seconds, asyncio.get_running_loop().time() + seconds - margin)


def _body(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}
