"""The HTTP border: request ids, body size, deadline, turn, hang-ups, one log line a request.

Nothing raw gets out. The log line is JSON and holds no prompt text.
"""

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.errors import OverloadedError, UsageError
from serve.admission import Admission
from serve.deadline import Deadline, deadline_of
from serve.problems import INTERNAL, TOO_LARGE, Problem, of_error, of_timeout

access_log = logging.getLogger("openbook.access")
logger = logging.getLogger(__name__)
REQUEST_ID = "x-request-id"
HUNG_UP = 499  # nobody reads it; the log does
COUNTED = "/v1/"  # health and administration are answered however full the server is
_STATE = "openbook"
_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one request, and of all together."""

    max_body_bytes: int
    longest_s: float
    admission: Admission


class Border:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp, limits: Limits, echo_request_id: bool) -> None:
        self._app = app
        self.limits = limits
        self.echo_request_id = echo_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an unexpected error becomes a 500 that says nothing of our insides."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self)
        try:
            problem = await self._serve(scope, exchange)
            if problem is not None:
                await respond(problem)(scope, receive, exchange.send)
        except asyncio.CancelledError:
            exchange.notes["cancelled"] = True
            raise
        except Exception:
            logger.exception("request %s failed", exchange.request_id)
            if exchange.status == 0:
                await respond(INTERNAL)(scope, receive, exchange.send)
        finally:
            exchange.log()

    async def _serve(self, scope: Scope, exchange: "_Exchange") -> Problem | None:
        """Let it in when it is its turn; else why not."""
        if exchange.declared_bytes > self.limits.max_body_bytes:
            return TOO_LARGE
        if not scope["path"].startswith(COUNTED):
            await self._app(scope, exchange.receive, exchange.send)
            return None
        try:
            deadline = exchange.begin(self.limits.longest_s)
        except UsageError as error:
            return of_error(error)
        admission = self.limits.admission
        try:
            async with asyncio.timeout_at(deadline.at):
                await admission.enter()
        except OverloadedError as error:
            return of_error(error)
        except TimeoutError:
            return of_timeout(deadline.seconds)
        try:
            if deadline.passed():  # in the moment in which its turn came
                return of_timeout(deadline.seconds)
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            admission.leave()
        return None


class _Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send, border: Border) -> None:
        self._headers = Headers(scope=scope)
        given = self._headers.get(REQUEST_ID, "")
        self.request_id = given if _SAFE_ID.fullmatch(given) else secrets.token_hex(12)
        length = self._headers.get("content-length", "")
        self.declared_bytes = int(length) if length.isdecimal() and length.isascii() else 0
        self.notes: dict[str, Any] = {}
        self.status = 0
        self.deadline: Deadline | None = None
        self._scope, self._receive, self._send = scope, receive, send
        self._border = border
        self._received = 0
        self._started = time.monotonic()
        scope[_STATE] = self

    def begin(self, longest_s: float) -> Deadline:
        """Time runs from here, waiting for a turn included."""
        self.deadline = deadline_of(self._headers, longest_s)
        return self.deadline

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._border.limits.max_body_bytes:
            raise HTTPException(TOO_LARGE.status, TOO_LARGE.message)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._border.echo_request_id:
                MutableHeaders(scope=message)[REQUEST_ID] = self.request_id
        await self._send(message)

    def log(self) -> None:
        line = {
            "request_id": self.request_id,
            "method": self._scope["method"],
            "path": self._scope["path"],
            "status": self.status,
            "seconds": round(time.monotonic() - self._started, 4),
            **self.notes,
        }
        access_log.info(json.dumps(line))


def request_id(scope: Scope) -> str:
    """The id of the request being served."""
    return str(scope[_STATE].request_id)


def deadline(scope: Scope) -> Deadline:
    """Until when the request being served must be answered."""
    found: Deadline = scope[_STATE].deadline
    return found


def note(scope: Scope, **values: Any) -> None:
    """Add to the request's log line; never prompt text."""
    scope[_STATE].notes.update(values)


def respond(problem: Problem) -> JSONResponse:
    """An error as a response."""
    return JSONResponse(problem.body(), problem.status, dict(problem.headers))


async def heard(request: Request, work: Coroutine[Any, Any, Result]) -> Result | Response:
    """The result of `work`, or the response when the client left or the deadline passed."""
    until = deadline(request.scope)
    try:
        async with asyncio.timeout_at(until.at):
            result = await until_hang_up(request.receive, work)
    except TimeoutError:
        return respond(of_timeout(until.seconds))
    if result is None:
        note(request.scope, cancelled=True)
        return Response(status_code=HUNG_UP)
    return result


async def until_hang_up(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result | None:
    """The result of `work`; None when the client went away first and `work` was cancelled."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_hang_up(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait({working, leaving})


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
