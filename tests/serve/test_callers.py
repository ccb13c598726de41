"""A caller that died: its requests end, those of others and of the living do not."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from cluster.errors import UnavailableError
from serve.callers import Callers

LOOK_S = 0.001


class Registry:
    """Who is dead; `looked` counts how often anybody asked."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.looked = 0
        self.look = asyncio.Event()

    async def alive(self, name: str) -> bool:
        self.looked += 1
        self.look.set()
        return name not in self.dead

    async def next_look(self) -> None:
        self.look.clear()
        await self.look.wait()


class Replica:
    """Streams `n` for as long as nobody stops it, as a generator replica does; `open` counts streams."""

    def __init__(self, callers: Callers) -> None:
        self.callers = callers
        self.open = 0
        self.more = asyncio.Event()

    async def stream(self, caller: str) -> AsyncGenerator[int, None]:
        async with self.callers.request_of(caller):
            self.open += 1
            try:
                yield self.open
                await self.more.wait()
            finally:
                self.open -= 1

    async def read(self, caller: str) -> list[int]:
        async with aclosing(self.stream(caller)) as stream:
            return [n async for n in stream]


def test_requests_of_a_dead_caller_end_and_others_go_on() -> None:
    async def main() -> tuple[list[BaseException | list[int]], list[int], int]:
        registry = Registry()
        replica = Replica(Callers(registry.alive, LOOK_S))
        dying = [asyncio.create_task(replica.read("dying")) for _ in range(3)]
        living = asyncio.create_task(replica.read("living"))
        await registry.next_look()
        assert replica.open == 4
        registry.dead.add("dying")
        ended = await asyncio.gather(*dying, return_exceptions=True)
        left = replica.open
        replica.more.set()
        return ended, await living, left

    ended, living, left = asyncio.run(main())
    assert left == 1
    assert len(living) == 1
    for error in ended:
        assert isinstance(error, UnavailableError)
        assert "dying" in str(error)


def test_caller_without_requests_is_not_looked_at() -> None:
    async def main() -> tuple[int, int]:
        registry = Registry()
        replica = Replica(Callers(registry.alive, LOOK_S))
        replica.more.set()
        for _ in range(2):
            await replica.read("brief")
        others = Registry()
        long = asyncio.create_task(Replica(Callers(others.alive, LOOK_S)).read("long"))
        for _ in range(3):
            await others.next_look()
        long.cancel()
        return registry.looked, others.looked

    brief, long = asyncio.run(main())
    assert brief == 0
    assert long >= 3


def test_caller_is_watched_again_when_it_asks_again() -> None:
    async def main() -> None:
        registry = Registry()
        replica = Replica(Callers(registry.alive, LOOK_S))
        for _ in range(2):
            reading = asyncio.create_task(replica.read("caller"))
            await registry.next_look()
            registry.dead.add("caller")
            with pytest.raises(UnavailableError):
                await reading
            registry.dead.clear()

    asyncio.run(main())


def test_timeout_of_the_request_itself_stays_one() -> None:
    async def main() -> None:
        async with Callers(Registry().alive).request_of("caller"):
            raise TimeoutError("the model's")

    with pytest.raises(TimeoutError, match="the model's"):
        asyncio.run(main())


def test_request_that_is_cancelled_stays_cancelled() -> None:
    async def main() -> None:
        replica = Replica(Callers(Registry().alive))
        reading = asyncio.create_task(replica.read("caller"))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert replica.open == 0

    asyncio.run(main())
