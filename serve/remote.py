"""The parts of the application in other replicas: Ray's handles as our interfaces, its errors as ours."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    ReplicaUnavailableError,
)

from cluster.errors import OpenbookError, OverloadedError, UnavailableError
from cluster.prompts import Message
from serve.engine.protocol import EngineStats, GenerationChunk, GenerationRequest
from serve.ports import Change, Embedded, Held, Query, Retrieved
from serve.scaling import GENERATOR, RETRIEVER

_NAMESPACE = "serve"  # Serve's, for the actors of its replicas
ADMIN_S = 300.0  # a preload downloads and loads in every replica
# a call that does not run after so long waits for a replica, or for its adapter there
ADMISSION_S = 1.0


class RemoteRetriever:
    """`serve.ports.Retrieving` over a deployment handle."""

    def __init__(self, handle: Any) -> None:
        self._retrieve = handle.options(method_name="retrieve")
        self._embed = handle.options(method_name="embed")

    async def retrieve(self, query: Query) -> Retrieved:
        """See `serve.ports.Retrieving`."""
        with _our_errors(RETRIEVER):
            found: Retrieved = await self._retrieve.remote(query)
        return found

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See `serve.ports.Retrieving`."""
        with _our_errors(RETRIEVER):
            embedded: Embedded = await self._embed.remote(list(texts))
        return embedded


class RemoteGenerator:
    """`serve.ports.Generating` over a deployment handle; `caller` is who asks (`own_name`)."""

    def __init__(self, handle: Any, caller: str, admission_s: float = ADMISSION_S) -> None:
        self._caller = caller
        self._admission_s = admission_s
        self._fit = handle.options(method_name="fit")
        self._stats = handle.options(method_name="stats")
        self._generate = handle.options(method_name="generate", stream=True)
        self._all = handle
        self._ending: set[asyncio.Task[None]] = set()

    async def fit(self, prompts: Sequence[Sequence[Message]], max_tokens: int) -> int:
        """See `serve.ports.Generating`."""
        with _our_errors(GENERATOR):
            return int(await self._fit.remote(prompts, max_tokens))

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationChunk, None]:
        """See `serve.ports.Generating`; closing the iterator cancels in the replica."""
        with _our_errors(GENERATOR):
            stream = self._generate.remote(request, self._caller)
            first = asyncio.ensure_future(anext(stream))
            try:
                yield await asyncio.shield(first)
                async for chunk in stream:
                    yield chunk
            finally:
                if first.done():
                    stream.cancel()
                else:
                    self._end_later(stream, first)

    def _end_later(self, stream: Any, first: asyncio.Future[GenerationChunk]) -> None:
        ending = asyncio.create_task(_end(stream, first, self._admission_s))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def stats(self) -> EngineStats:
        """See `serve.ports.Generating`."""
        with _our_errors(GENERATOR):
            stats: EngineStats = await self._stats.remote()
        return stats

    async def held(self) -> list[Held]:
        """See `serve.ports.Holding`."""
        return await self._everywhere("held")

    async def preload(self, adapter: str) -> list[Change]:
        """See `serve.ports.Holding`."""
        return await self._everywhere("preload", adapter)

    async def evict(self, adapter: str) -> list[Change]:
        """See `serve.ports.Holding`."""
        return await self._everywhere("evict", adapter)

    async def _everywhere(self, method: str, *args: Any) -> list[Any]:
        try:
            with _our_errors(GENERATOR):
                asked = self._all.broadcast(method, *args)
                return list(await asked.results_async(timeout_s=ADMIN_S))
        except TimeoutError as error:
            raise UnavailableError(
                f"not every generator answered {method!r} within {ADMIN_S:g} s; look at their logs"
            ) from error


async def _end(stream: Any, first: asyncio.Future[GenerationChunk], admission_s: float) -> None:
    """Cancel a call whose `first` chunk nobody waits for any more, once it runs or after `admission_s`.

    Ray withdraws a call that has no replica yet and cancels one that runs; one on its way to a replica it
    misses now and then, and that would run to its end. The first chunk is sent as soon as it runs.
    """
    await asyncio.wait({first}, timeout=admission_s)
    if not first.done():
        first.cancel()
        await asyncio.wait({first})
    stream.cancel()
    if not first.cancelled():
        first.exception()  # nobody waits for this answer, so its failure is no news either


def own_name() -> str:
    """Of the replica that runs this, for `is_alive` in another."""
    return str(ray.get_runtime_context().get_actor_name())


async def is_alive(name: str) -> bool:
    """Whether the replica is; Ray forgets the name of an actor that died."""
    try:
        await asyncio.to_thread(ray.get_actor, name, _NAMESPACE)
    except ValueError:
        return False
    return True


@contextmanager
def _our_errors(part: str) -> Iterator[None]:
    """What a replica raised on purpose, as it raised it; Ray's own troubles as ours."""
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, OpenbookError):
            raise error.cause from None
        raise
    except BackPressureError as error:
        raise OverloadedError(f"the queue of {part} is full ({error}); try again soon") from error
    except (RayActorError, DeploymentUnavailableError, ReplicaUnavailableError) as error:
        raise UnavailableError(f"{part} is not available: {error}; try again soon") from error
