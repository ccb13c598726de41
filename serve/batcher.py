"""Work for many callers at once: what comes while a batch runs makes up the next one.

Nobody waits for others to come: an idle lane starts at once, with what was asked in the same turn of
the event loop. Under load batches grow by themselves. Each key has a lane of its own, so that a slow or
failing one harms no other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class _Asked(Generic[Item, Result]):
    items: Sequence[Item]
    answer: "asyncio.Future[list[Result]]"


class Batcher(Generic[Key, Item, Result]):
    """`work` takes a key and its items and gives one result for each, in order.

    A batch has at most `max_batch` items, or those of one caller who has more.
    """

    def __init__(
        self, work: Callable[[Key, list[Item]], Awaitable[Sequence[Result]]], max_batch: int
    ) -> None:
        self._work = work
        self._max_batch = max_batch
        self._lanes: dict[Key, deque[_Asked[Item, Result]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, key: Key, items: Sequence[Item]) -> list[Result]:
        """The results for `items`; raises what their batch raised.

        A caller who is cancelled before its batch starts is left out of it.
        """
        if not items:
            return []
        asked: _Asked[Item, Result] = _Asked(items, asyncio.get_running_loop().create_future())
        if key not in self._lanes:
            self._lanes[key] = deque()
            task = asyncio.create_task(self._run(key))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        self._lanes[key].append(asked)
        return await asked.answer

    async def _run(self, key: Key) -> None:
        while batch := self._next(self._lanes[key]):
            items = [item for asked in batch for item in asked.items]
            (outcome,) = await asyncio.gather(self._results(key, items), return_exceptions=True)
            _deliver(batch, outcome)
        del self._lanes[key]

    def _next(self, lane: deque[_Asked[Item, Result]]) -> list[_Asked[Item, Result]]:
        batch: list[_Asked[Item, Result]] = []
        room = self._max_batch
        while lane and (not batch or len(lane[0].items) <= room):
            asked = lane.popleft()
            if not asked.answer.done():
                batch.append(asked)
                room -= len(asked.items)
        return batch

    async def _results(self, key: Key, items: list[Item]) -> list[Result]:
        results = await self._work(key, items)
        return [result for _, result in zip(items, results, strict=True)]


def _deliver(batch: Sequence[_Asked[Item, Result]], outcome: list[Result] | BaseException) -> None:
    start = 0
    for asked in batch:
        end = start + len(asked.items)
        if asked.answer.done():
            pass  # the caller has gone
        elif isinstance(outcome, BaseException):
            asked.answer.set_exception(outcome)
        else:
            asked.answer.set_result(outcome[start:end])
        start = end
