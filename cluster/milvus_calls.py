"""Calls to Milvus: its errors as ours, and writes again when the trouble passes by itself.

pymilvus retries a server that does not answer for as long as a call may take; what it gives up or
never retries (deadlines, full queues, rate limits) is tried again here, a few times, with growing
and jittered waits so that parallel writers do not come back together.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from pymilvus import MilvusException

from cluster.errors import NotFoundError, UnavailableError, UsageError
from cluster.settings import MilvusSettings

Result = TypeVar("Result")

_FILTER_SIGNS = ("expr", "parse", "at column")  # of Milvus and of Milvus Lite
_MISSING_SIGNS = ("not found", "not exist")
_NOT_LOADED = ("released", "not loaded", "notload")
_PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
_PASSING_CODES = (2, 4, 8)  # Milvus: service unavailable, too many requests, rate limit
_PASSING_SIGNS = ("rate limit", "not ready", "retry timeout", "retry run out", "deadline exceeded")


class MilvusCalls:
    """How calls to one server are guarded."""

    def __init__(self, uri: str, settings: MilvusSettings) -> None:
        self._uri = uri
        self._settings = settings
        self._jitter = random.Random()  # unlike everything else not seeded: writers must differ

    @contextmanager
    def explained(self, collection: str | None = None) -> Iterator[None]:
        """Errors of Milvus and gRPC as ours; with `collection` also those of reading from it."""
        try:
            yield
        except MilvusException as error:
            text = str(error.message)
            if collection and any(sign in text.lower() for sign in _MISSING_SIGNS):
                raise NotFoundError(
                    f"collection {collection!r} is not in Milvus at {self._uri}; ingest the corpus again"
                ) from error
            if collection and any(sign in text.lower() for sign in _FILTER_SIGNS):
                raise UsageError(f"Milvus refused the filter: {text}") from error
            raise UnavailableError(self._failed(text)) from error
        except (grpc.RpcError, ConnectionError) as error:
            raise UnavailableError(self._failed(_reason(error))) from error

    def retried(self, run: Callable[[], Result]) -> Result:
        """`run()`, at most `milvus.attempts` times while the trouble may pass; it must be repeatable.

        UnavailableError when it did not pass; every other error at once, as Milvus gave it.
        """
        s = self._settings
        for attempt in range(1, s.attempts + 1):
            try:
                return run()
            except (MilvusException, grpc.RpcError) as error:
                if not may_pass(error):
                    raise
                if attempt == s.attempts:
                    text = self._failed(
                        f"gave up after {attempt} attempts, the last: {_reason(error)}"
                    )
                    raise UnavailableError(text) from error
            wait_s = min(s.retry_wait_s * 2 ** (attempt - 1), s.max_wait_s)
            time.sleep(wait_s * self._jitter.uniform(0.5, 1.0))
        raise AssertionError("milvus.attempts is at least 1")

    def on_loaded(self, run: Callable[[], Result], load: Callable[[], Any]) -> Result:
        """`run()`; after `load()` if the server, restarted, has the collection but not in memory."""
        try:
            return run()
        except MilvusException as error:
            if not any(word in str(error.message).lower() for word in _NOT_LOADED):
                raise
        load()
        return run()

    def _failed(self, reason: str) -> str:
        return (
            f"Milvus at {self._uri} failed: {reason}; check milvus.uri and the credentials, and that "
            "the server runs (`openbook doctor`)"
        )


def may_pass(error: MilvusException | grpc.RpcError) -> bool:
    """Whether the same call may succeed later."""
    code = error.code() if isinstance(error, grpc.RpcError) else error.code
    if code in _PASSING or code in _PASSING_CODES:
        return True
    return any(sign in str(error).lower() for sign in _PASSING_SIGNS)


def _reason(error: BaseException) -> str:
    """One line: gRPC's own text is a page."""
    if isinstance(error, grpc.RpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error)
