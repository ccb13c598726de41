"""Requests whose caller died: nobody will read their answers, so they end.

A caller that loses interest cancels its stream. One that is killed says nothing, and Ray lets the call
run to its end: a slot, its memory and an adapter's lease for an answer that goes nowhere.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from cluster.errors import UnavailableError

LOOK_S = 2.0


class Callers:
    """Asks `alive` every `look_s` seconds about each caller that has requests here."""

    def __init__(self, alive: Callable[[str], Awaitable[bool]], look_s: float = LOOK_S) -> None:
        self._alive = alive
        self._look_s = look_s
        self._requests: dict[str, set[asyncio.Timeout]] = {}
        self._watches: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def request_of(self, caller: str) -> AsyncIterator[None]:
        """The body is cancelled, and UnavailableError raised, when `caller` turns out to be dead."""
        requests = self._watched(caller)
        scope = asyncio.timeout(None)
        try:
            async with scope:
                requests.add(scope)
                try:
                    yield
                finally:
                    requests.discard(scope)
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise UnavailableError(f"{caller}, which asked for this, is dead") from error

    def _watched(self, caller: str) -> set[asyncio.Timeout]:
        if caller not in self._requests:
            self._requests[caller] = set()
            watch = asyncio.create_task(self._watch(caller))
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)
        return self._requests[caller]

    async def _watch(self, caller: str) -> None:
        """As long as it has requests, so a caller without any costs nothing."""
        requests = self._requests[caller]
        try:
            await asyncio.sleep(self._look_s)
            while requests:
                if not await self._alive(caller):
                    for scope in requests:
                        scope.reschedule(asyncio.get_running_loop().time())
                    return
                await asyncio.sleep(self._look_s)
        finally:
            del self._requests[caller]
