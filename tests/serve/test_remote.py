"""Between replicas: errors raised on purpose arrive as they were, Ray's own become ours; closing cancels."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from cluster.errors import NotFoundError, OverloadedError, UnavailableError
from serve.engine.protocol import GenerationChunk, GenerationRequest, SamplingParams
from serve.ports import Query
from serve.remote import RemoteGenerator, RemoteRetriever

CHUNK = GenerationChunk("a", (1,), None, 1, 1)
REQUEST = GenerationRequest("r", (), None, SamplingParams(1, 0.0, 1.0, (), 0))


class Handle:
    """A deployment handle whose calls raise `error`, or stream chunks without end."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.cancelled = 0

    def options(self, **_: Any) -> "Handle":
        return self

    def remote(self, *_: Any) -> Any:
        return self

    def __await__(self) -> Any:
        raise self.error or AssertionError
        yield

    async def __aiter__(self) -> AsyncGenerator[GenerationChunk, None]:
        if self.error:
            raise self.error
        while True:
            yield CHUNK

    def cancel(self) -> None:
        self.cancelled += 1


def from_replica(cause: Exception) -> Exception:
    return RayTaskError("generate", "a long traceback", cause).as_instanceof_cause()


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (from_replica(NotFoundError("no adapter 'x'")), NotFoundError, "^no adapter 'x'$"),
        (BackPressureError(65, 64), OverloadedError, "queue of .* is full"),
        (ActorDiedError(), UnavailableError, "is not available"),
        (DeploymentUnavailableError("Generator"), UnavailableError, "is not available"),
    ],
)
def test_remote_errors_become_ours(
    raised: Exception, expected: type[Exception], message: str
) -> None:
    async def read() -> None:
        async with aclosing(RemoteGenerator(Handle(raised), "gateway").generate(REQUEST)) as stream:
            async for _ in stream:
                pass

    with pytest.raises(expected, match=message):
        asyncio.run(RemoteRetriever(Handle(raised)).retrieve(Query("c", ("q",))))
    with pytest.raises(expected, match=message):
        asyncio.run(read())


def test_remote_bug_of_a_replica_stays_a_bug() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(RemoteGenerator(Handle(from_replica(ZeroDivisionError())), "gateway").stats())


def test_remote_stream_that_is_closed_is_cancelled_in_the_replica() -> None:
    handle = Handle()

    async def main() -> None:
        async with aclosing(RemoteGenerator(handle, "gateway").generate(REQUEST)) as stream:
            assert await anext(stream) == CHUNK
            assert handle.cancelled == 0

    asyncio.run(main())
    assert handle.cancelled == 1
