"""Between replicas: errors raised on purpose arrive as they were, Ray's own become ours; closing cancels."""

import asyncio
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
    """A deployment handle: calls raise `error`, or stream chunks without end once they are `admitted`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.cancelled = 0
        self.asked = asyncio.Event()
        self.admitted = asyncio.Event()
        self.ended = asyncio.Event()

    def options(self, **_: Any) -> "Handle":
        return self

    def remote(self, *_: Any) -> Any:
        return self

    def __await__(self) -> Any:
        raise self.error or AssertionError
        yield

    def __aiter__(self) -> "Handle":
        return self

    async def __anext__(self) -> GenerationChunk:
        if self.error:
            raise self.error
        self.asked.set()
        await self.admitted.wait()
        return CHUNK

    def cancel(self) -> None:
        self.cancelled += 1
        self.ended.set()


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
    async def main() -> None:
        handle = Handle()
        handle.admitted.set()
        async with aclosing(RemoteGenerator(handle, "gateway").generate(REQUEST)) as stream:
            assert await anext(stream) == CHUNK
            assert await anext(stream) == CHUNK
            assert handle.cancelled == 0
        assert handle.cancelled == 1

    asyncio.run(main())


async def left_before_admission(handle: Handle, admission_s: float) -> None:
    """A caller asks, and leaves before the replica has answered."""
    generator = RemoteGenerator(handle, "gateway", admission_s)
    asking = asyncio.create_task(anext(generator.generate(REQUEST)))
    await handle.asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


def test_remote_stream_left_before_it_runs_is_cancelled_once_it_does() -> None:
    """Ray may miss the cancel of a call that is on its way to a replica."""

    async def main() -> None:
        handle = Handle()
        await left_before_admission(handle, admission_s=60)
        assert handle.cancelled == 0
        handle.admitted.set()
        await handle.ended.wait()
        assert handle.cancelled == 1

    asyncio.run(main())


def test_remote_stream_left_before_it_runs_does_not_wait_for_a_replica_for_long() -> None:
    async def main() -> None:
        handle = Handle()
        await left_before_admission(handle, admission_s=0.001)
        await handle.ended.wait()
        assert handle.cancelled == 1

    asyncio.run(main())
