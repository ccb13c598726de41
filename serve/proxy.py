"""What Serve's own HTTP proxy is told, so that every answer is the gateway's.

The proxy knows `x-request-timeout-seconds` too: at that moment it ends the request with a line of
plain text, where an OpenAI client expects an error object. So the header travels past it under
another name, and only the gateway keeps the time. Ray calls `middlewares` where
`RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH` names it (`cluster.runtime`, the image's Dockerfile).
"""

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.deadline import PASSED_HEADER, TIMEOUT_HEADER

_RENAMED = {TIMEOUT_HEADER.encode(): PASSED_HEADER.encode()}


class DeadlinePassedOn:
    """ASGI middleware: renames the header of the deadline."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on; anything but the one header is left alone."""
        if scope["type"] == "http":
            headers = [(_RENAMED.get(name, name), value) for name, value in scope["headers"]]
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)


def middlewares() -> list[Middleware]:
    """Ray's callback: what wraps the proxy."""
    return [Middleware(DeadlinePassedOn)]
