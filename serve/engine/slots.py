"""Where a request's keys and values live, and which of an earlier one it can take over. Pure.

A slot is busy while its request runs; afterwards it keeps what was computed, until somebody needs
it. A new request takes the longest prefix that it shares with any slot of the same adapter: in
place when little else would be lost, else copied to another free slot (the least recently used).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from serve.engine.prefixes import common_prefix
from serve.engine.runs import attention_cost
from serve.engine.task import Task

# tokens: for fewer it is not worth to copy, or to wait for a request that is computing them
MIN_PREFIX = 16


@dataclass(frozen=True, slots=True)
class Place:
    """A free slot; `cached` positions of it are valid once copied from `source`, if there is one."""

    slot: int
    cached: int = 0
    source: int | None = None


class Slots:
    """A fixed number of slots."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._tasks: list[Task | None] = [None] * count
        self._busy: set[int] = set()
        self._order: dict[int, None] = dict.fromkeys(range(count))  # least recently used first

    @property
    def free(self) -> list[int]:
        """Slots that no request runs in, the least recently used first."""
        return [slot for slot in self._order if slot not in self._busy]

    def find(self, adapter: str | None, ids: Sequence[int]) -> Place | None:
        """Where a request should go; None when it should wait: no slot is free, or a running
        request is about to compute much of its prefix."""
        free = self.free
        source, cached = self._longest(adapter, ids)
        if not free or self._coming(adapter, ids) >= cached + MIN_PREFIX:
            return None
        if source is None or cached < MIN_PREFIX:
            return Place(self._pick(free, len(ids)))
        others = [slot for slot in free if slot != source]
        if source in free and (not others or self._lost(source, cached) <= cached // 4):
            return Place(source, cached)
        return Place(self._pick(others, len(ids)), cached, source)

    def take(self, task: Task, place: Place) -> None:
        """Put the task there."""
        self._tasks[place.slot] = task
        self._busy.add(place.slot)
        self._touch(place.slot)
        if place.source is not None:
            self._touch(place.source)
        task.slot, task.computed, task.cached = place.slot, place.cached, place.cached

    def release(self, task: Task, keep: bool = True) -> None:
        """The task is done; what it computed stays for others to take over, unless `keep` is off."""
        self._busy.discard(task.slot)
        self._touch(task.slot)
        if not keep:
            self._tasks[task.slot] = None

    def forget(self, adapter: str) -> None:
        """Drop what was computed with an adapter."""
        for slot, task in enumerate(self._tasks):
            if task is not None and task.adapter == adapter and slot not in self._busy:
                self._tasks[slot] = None

    def _longest(self, adapter: str | None, ids: Sequence[int]) -> tuple[int | None, int]:
        """At least the last token is always computed: its logits are needed."""
        best: tuple[int | None, int] = (None, 0)
        for slot, task in enumerate(self._tasks):
            if task is not None and task.adapter == adapter:
                shared = common_prefix(task.ids, ids, min(task.computed, len(ids) - 1))
                better = shared > best[1] or (shared == best[1] and shared and slot in self.free)
                best = (slot, shared) if better else best
        return best

    def _coming(self, adapter: str | None, ids: Sequence[int]) -> int:
        running = [self._tasks[slot] for slot in self._busy]
        return max(
            (
                common_prefix(task.ids, ids, len(ids) - 1)
                for task in running
                if task is not None and task.adapter == adapter and task.pending > 1
            ),
            default=0,
        )

    def _lost(self, slot: int, cached: int) -> int:
        task = self._tasks[slot]
        return 0 if task is None else task.computed - cached

    def _pick(self, free: Sequence[int], length: int) -> int:
        """Of the empty slots, else of the older half, the one where decoding will cost least."""
        empty = [slot for slot in free if self._tasks[slot] is None]
        candidates = empty or free[: (len(free) + 1) // 2]
        lengths = {slot: len(task.ids) for slot in self._busy if (task := self._tasks[slot])}

        def cost(slot: int) -> int:
            rows = sorted({**lengths, slot: length}.items())
            return attention_cost([row[0] for row in rows], [row[1] for row in rows])

        return min(candidates, key=cost)

    def _touch(self, slot: int) -> None:
        self._order.pop(slot)
        self._order[slot] = None
