"""The HTTP border: request ids, body size, hang-ups, one log line a request, nothing raw gets out.

The log line is JSON and holds no prompt text.
"""

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.problems import INTERNAL, TOO_LARGE, Problem

access_log = logging.getLogger("openbook.access")
logger = logging.getLogger(__name__)
REQUEST_ID = "x-request-id"
_STATE = "openbook"
_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
Result = TypeVar("Result")


class Border:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp, max_body_bytes: int, echo_request_id: bool) -> None:
        self._app = app
        self.max_body_bytes = max_body_bytes
        self.echo_request_id = echo_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an unexpected error becomes a 500 that says nothing of our insides."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self)
        try:
            if exchange.declared_bytes > self.max_body_bytes:
                await respond(TOO_LARGE)(scope, receive, exchange.send)
            else:
                await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            exchange.notes["cancelled"] = True
            raise
        except Exception:
            logger.exception("request %s failed", exchange.request_id)
            if exchange.status == 0:
                await respond(INTERNAL)(scope, receive, exchange.send)
        finally:
            exchange.log()


class _Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send, border: Border) -> None:
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        self.request_id = given if _SAFE_ID.fullmatch(given) else secrets.token_hex(12)
        length = headers.get("content-length", "")
        self.declared_bytes = int(length) if length.isdigit() else 0
        self.notes: dict[str, Any] = {}
        self.status = 0
        self._scope, self._receive, self._send = scope, receive, send
        self._border = border
        self._received = 0
        self._started = time.monotonic()
        scope[_STATE] = self

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._border.max_body_bytes:
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


def note(scope: Scope, **values: Any) -> None:
    """Add to the request's log line; never prompt text."""
    scope[_STATE].notes.update(values)


def respond(problem: Problem) -> JSONResponse:
    """An error as a response."""
    return JSONResponse(problem.body(), problem.status, dict(problem.headers))


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
