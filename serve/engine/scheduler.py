"""Which tokens the next step computes. Pure: no torch, no clock.

Requests join and leave between steps. A step first gives every decoding request its one token, then
what is left of its budget to prompts, in the order of admission: so a long prompt holds up running
answers by no more than one step's budget. Waiting requests are admitted as long as there is room,
fairly between adapters by the tokens they were served.
"""

from serve.engine.fairness import FairQueue
from serve.engine.slots import Slots
from serve.engine.task import Part, PrefixCopy, Step, Task


class Scheduler:
    """At most `max_running` tasks share steps of `step_tokens`."""

    def __init__(self, slots: Slots, max_running: int, step_tokens: int) -> None:
        self._slots = slots
        self._max_running = max_running
        self._step_tokens = step_tokens
        self._queue: FairQueue[str | None, Task] = FairQueue()
        self._running: list[Task] = []  # in order of admission

    @property
    def waiting(self) -> int:
        """Tasks that have no slot yet."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Tasks that have a slot."""
        return len(self._running)

    def add(self, task: Task) -> None:
        """A new task."""
        self._queue.push(task.adapter, task)

    def plan(self) -> Step:
        """The next step; without parts when nothing is to be done."""
        self.drop_cancelled()
        copies = self._admit()
        decoding = [task for task in self._running if task.pending == 1]
        parts = [Part(task, task.computed, 1) for task in decoding]
        left = self._step_tokens - len(parts)
        for task in self._running:
            if task.pending > 1 and left > 0:
                parts.append(Part(task, task.computed, min(task.pending, left)))
                left -= parts[-1].count
        return Step(tuple(parts), tuple(copies))

    def advance(self, part: Part) -> None:
        """A part was computed; call it before the task gets its new token."""
        part.task.computed += part.count
        if part.samples:
            self._queue.charge(part.task.adapter, 1)

    def finish(self, task: Task, keep: bool = True) -> None:
        """The task is done; `keep` is off when what it computed cannot be trusted."""
        self._running.remove(task)
        self._slots.release(task, keep)
        self._queue.leave(task.adapter)

    def drop_cancelled(self) -> None:
        """Forget tasks that nobody waits for."""
        self._queue.drop(lambda task: task.cancelled)
        for task in [task for task in self._running if task.cancelled]:
            self.finish(task)

    def _admit(self) -> list[PrefixCopy]:
        copies: list[PrefixCopy] = []
        while len(self._running) < self._max_running and self._admit_next(copies):
            pass
        return copies

    def _admit_next(self, copies: list[PrefixCopy]) -> bool:
        for adapter, task in self._queue.heads():
            place = self._slots.find(adapter, task.ids)
            if place is None:
                continue
            self._queue.pop(adapter)
            self._slots.take(task, place)
            self._running.append(task)
            self._queue.charge(adapter, task.pending)
            if place.source is not None:
                copies.append(PrefixCopy(place.source, place.slot, place.cached))
            return True
        return False
