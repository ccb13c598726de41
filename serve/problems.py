"""Errors -> HTTP: one table of statuses, one shape of body (OpenAI's).

`{"error": {"message", "type", "param", "code"}}`; 429 and 503 say when to come back.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from cluster.errors import (
    ConflictError,
    ContextError,
    NotFoundError,
    OpenbookError,
    OverloadedError,
    UnavailableError,
    UsageError,
)
from serve.schema import UNSUPPORTED

INVALID = "invalid_request_error"
# error -> status, type, code; the first that fits
_TABLE: tuple[tuple[type[OpenbookError], int, str, str], ...] = (
    (ContextError, 400, INVALID, "context_length_exceeded"),
    (UsageError, 400, INVALID, "invalid_value"),
    (NotFoundError, 404, INVALID, "not_found"),
    (ConflictError, 409, "conflict_error", "conflict"),
    (OverloadedError, 429, "rate_limit_error", "overloaded"),
    (UnavailableError, 503, "server_error", "unavailable"),
)
NO_OBJECT = "the body must be a JSON object, sent with `content-type: application/json`"
_NO_OBJECT = ("model_type", "model_attributes_type", "dict_type")
MAX_MESSAGE, MAX_PARAM = 1000, 200  # characters
_CODES = {
    UNSUPPORTED: UNSUPPORTED,
    "extra_forbidden": "unknown_parameter",
    "missing": "missing_required_parameter",
    "json_invalid": "invalid_json",
}


class Told(BaseModel):
    """What is wrong, as OpenAI words it."""

    message: str
    type: str
    param: str | None
    code: str | None


class Failure(BaseModel):
    """Body of every answer that is an error."""

    error: Told


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Failure, "description": "The request cannot be served as it is"},
    "5XX": {"model": Failure, "description": "The server, or one that it needs, failed"},
}
"""Errors of every route, for the OpenAPI schema."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as a client sees it."""

    status: int
    message: str
    type: str
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The JSON body; what a client sent is not repeated at length."""
        param = None if self.param is None else _cut(self.param, MAX_PARAM)
        message = _cut(self.message, MAX_MESSAGE)
        told = Told(message=message, type=self.type, param=param, code=self.code)
        return Failure(error=told).model_dump()


INTERNAL = Problem(500, "internal error; the server's log has it", "server_error", code="internal")
UNAUTHORIZED = Problem(
    401,
    "send the server's admin key as `Authorization: Bearer KEY`",
    "authentication_error",
    code="invalid_api_key",
    headers={"www-authenticate": "Bearer"},
)
TOO_LARGE = Problem(413, "the request body is too large", INVALID, code="request_too_large")


def of_error(error: OpenbookError) -> Problem:
    """Any error of ours."""
    for kind, status, type_, code in _TABLE:
        if isinstance(error, kind):
            return Problem(status, str(error), type_, code=code, headers=_retry_after(error))
    return Problem(500, str(error), "server_error", code="internal")


def of_validation(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """The first of pydantic's errors, the parameter it is about named with dots."""
    first = errors[0]
    kind = str(first["type"])
    where = [str(part) for part in first["loc"] if part != "body"]
    if kind == UNSUPPORTED:
        where.append(first["ctx"]["param"])
    param = ".".join(where) or None
    if param is None and kind in _NO_OBJECT:
        return Problem(400, NO_OBJECT, INVALID, code="invalid_json")
    message = str(first["msg"])
    if kind == "extra_forbidden":
        message = f"unknown parameter {param!r}"
    elif kind == "json_invalid":
        return Problem(400, "the body is not valid JSON", INVALID, code="invalid_json")
    elif param is not None and kind != UNSUPPORTED:
        message = f"{param}: {message}"
    return Problem(400, message, INVALID, param, _CODES.get(kind, "invalid_value"))


def of_status(status: int, detail: str) -> Problem:
    """What the router itself refuses: unknown path, wrong method."""
    code = {400: "invalid_json", 404: "unknown_url", 405: "method_not_allowed"}.get(status)
    return Problem(status, detail, INVALID if status < 500 else "server_error", code=code)


def of_timeout(seconds: float) -> Problem:
    """The request's deadline passed."""
    message = f"the request took longer than its {seconds:g} s (x-request-timeout-seconds)"
    return Problem(408, message, "timeout_error", code="timeout")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _retry_after(error: OpenbookError) -> dict[str, str]:
    if isinstance(error, OverloadedError):
        return {"retry-after": str(max(1, math.ceil(error.retry_after_s)))}
    return {"retry-after": "1"} if isinstance(error, UnavailableError) else {}
