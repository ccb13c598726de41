"""Values read from somewhere slow, kept for a short time.

Refusals are kept like values, so that a client asking for what does not exist costs nothing. When
the source does not answer, the value of before is used on.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cluster.errors import OpenbookError, UnavailableError

Key = TypeVar("Key")
Value = TypeVar("Value")
MAX_ENTRIES = 1024  # keys may come from clients


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    expires: float
    value: Value | None
    error: OpenbookError | None


class TtlCache(Generic[Key, Value]):
    """`load` runs on a thread, once per key however many wait for it."""

    def __init__(
        self,
        ttl_s: float,
        load: Callable[[Key], Value],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl_s = ttl_s
        self._load = load
        self._clock = clock
        self._entries: dict[Key, _Entry[Value]] = {}
        self._loading: dict[Key, asyncio.Task[_Entry[Value]]] = {}

    async def get(self, key: Key) -> Value:
        """The value, at most `ttl_s` old; raises what `load` raised."""
        entry = self._entries.get(key)
        if entry is None or entry.expires <= self._clock():
            entry = await asyncio.shield(self._refresh(key))
        if entry.error is not None:
            raise entry.error.with_traceback(None)
        return entry.value  # type: ignore[return-value]  # an entry has a value or an error

    def _refresh(self, key: Key) -> asyncio.Task[_Entry[Value]]:
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._read(key))
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        return task

    async def _read(self, key: Key) -> _Entry[Value]:
        before = self._entries.get(key)
        expires = self._clock() + self._ttl_s
        try:
            entry = _Entry(expires, await asyncio.to_thread(self._load, key), None)
        except UnavailableError as error:
            if before is None or before.error is not None:
                return _Entry(expires, None, error)  # not kept: the next caller tries again
            entry = _Entry(expires, before.value, None)
        except OpenbookError as error:
            entry = _Entry(expires, None, error)
        self._entries.pop(key, None)
        self._entries[key] = entry
        while len(self._entries) > MAX_ENTRIES:
            del self._entries[next(iter(self._entries))]
        return entry
