"""The adapters that an engine holds: loaded on demand, those least recently used forgotten.

Leases are counted per request, a version is loaded once however many wait for it, and nothing is
evicted before the new one is downloaded, checked and loaded.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cluster.errors import ConflictError
from serve.adapters.disk import Hold
from serve.adapters.files import AdapterFiles
from serve.engine.protocol import Engine


class AdapterCache:
    """At most `max_adapters` in the engine, one more for the moment of a change."""

    def __init__(self, engine: Engine, files: AdapterFiles, max_adapters: int) -> None:
        self._engine = engine
        self._files = files
        self._max_adapters = max_adapters
        self._loaded: OrderedDict[str, Hold] = OrderedDict()  # least recently used first
        self._leases: Counter[str] = Counter()
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Lock()
        self._released = asyncio.Event()

    @property
    def in_use(self) -> dict[str, int]:
        """Loaded adapter -> requests that hold it now; least recently used first."""
        return {adapter: self._leases[adapter] for adapter in self._loaded}

    @asynccontextmanager
    async def lease(self, adapter: str) -> AsyncIterator[None]:
        """Hold `name@version` in the engine; NotFoundError, ConflictError when it cannot be."""
        self._leases[adapter] += 1
        try:
            await self._ensure(adapter)
            yield
        finally:
            self._leases[adapter] -= 1
            if not self._leases[adapter]:
                del self._leases[adapter]
            self._released.set()

    async def evict(self, adapter: str) -> bool:
        """Forget an adapter now; whether it was loaded. ConflictError while requests hold it."""
        async with self._room:
            if self._leases[adapter]:
                raise ConflictError(
                    f"adapter {adapter!r} is used by {self._leases[adapter]} requests; "
                    "try again when they are done"
                )
            if adapter not in self._loaded:
                return False
            await self._unload(adapter)
            return True

    async def _ensure(self, adapter: str) -> None:
        if adapter in self._loaded:
            self._loaded.move_to_end(adapter)
            return
        task = self._loading.get(adapter)
        if task is None:
            task = self._loading[adapter] = asyncio.create_task(self._load(adapter))
            task.add_done_callback(lambda _: self._loading.pop(adapter, None))
        await asyncio.shield(task)  # a caller that hangs up does not stop the load for the others

    async def _load(self, adapter: str) -> None:
        hold = await self._files.take(adapter)
        try:
            async with self._room:
                while len(self._loaded) >= self._max_adapters and not self._idle():
                    self._released.clear()
                    await self._released.wait()
                await self._engine.load_adapter(adapter, hold.folder)
                self._loaded[adapter] = hold
                await self._shrink()
        except BaseException as error:
            if adapter not in self._loaded:
                hold.release()
            if isinstance(error, ConflictError):
                self._files.refuse(adapter, error)
            raise

    async def _shrink(self) -> None:
        """Forget who is idle, one at a time: the next one may be asked for meanwhile."""
        while len(self._loaded) > self._max_adapters and (idle := self._idle()):
            await self._unload(idle[0])

    async def _unload(self, adapter: str) -> None:
        hold = self._loaded.pop(adapter)
        try:
            await self._engine.unload_adapter(adapter)
        finally:
            hold.release()

    def _idle(self) -> list[str]:
        return [name for name in self._loaded if not self._leases[name]]
