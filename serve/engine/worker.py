"""The model's thread: steps, one after the other, and what happens between them.

Requests, adapters and probes come in through one queue and are taken up between two steps; chunks
go out in one delivery per step. The thread sleeps when there is nothing to do.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

from serve.engine.protocol import GenerationChunk, TokenLogprob
from serve.engine.row import Row
from serve.engine.scheduler import Scheduler
from serve.engine.task import Step, Task

logger = logging.getLogger(__name__)
News = tuple[Row, GenerationChunk | Exception]


class Running(Protocol):
    """What computes steps, see `serve.engine.runner.StepRunner`."""

    def run(
        self, step: Step, rows: Mapping[Task, Row]
    ) -> dict[Task, tuple[int, TokenLogprob | None] | Exception]:
        """The next token of every task that samples; an exception fails the whole step."""

    def clear(self, task: Task) -> None:
        """Make a failed task's slot safe for the next one."""


@dataclass(slots=True)
class Counts:
    """Since start; read from other threads."""

    steps: int = 0
    prefill_tokens: int = 0
    last_step: float = float("-inf")  # time.monotonic()


class Worker:
    """Runs until `close`; `deliver` is called on the worker's thread."""

    def __init__(
        self, runner: Running, scheduler: Scheduler, deliver: Callable[[Sequence[News]], None]
    ) -> None:
        self._runner = runner
        self._scheduler = scheduler
        self._deliver = deliver
        self._rows: dict[Task, Row] = {}
        self._inbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="engine", daemon=True)
        self.counts = Counts()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, row: Row) -> None:
        """Generate; any thread."""

        def add() -> None:
            self._rows[row.task] = row
            self._scheduler.add(row.task)

        self._inbox.put(add)

    def wake(self) -> None:
        """Something was cancelled; any thread."""
        self._inbox.put(lambda: None)

    def call(self, work: Callable[[], Any]) -> "Future[Any]":
        """Do something between two steps, with nothing cancelled left; any thread."""
        future: Future[Any] = Future()

        def do() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                self._drop_cancelled()
                future.set_result(work())
            except Exception as error:  # noqa: BLE001  # it belongs to the one who asked
                future.set_exception(error)

        self._inbox.put(do)
        return future

    def close(self) -> None:
        """Stop after the step that runs."""
        self._inbox.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        idle = False
        while True:
            while idle or not self._inbox.empty():
                order = self._inbox.get()
                if order is None:
                    return self._drain()
                order()
                idle = False
            self._drop_cancelled()
            step = self._scheduler.plan()
            idle = not step.parts
            if not idle:
                self._deliver(self._step(step))

    def _drain(self) -> None:
        """Whoever still waits for a `call` gets an answer."""
        while not self._inbox.empty():
            if order := self._inbox.get():
                order()

    def _step(self, step: Step) -> list[News]:
        try:
            picked = self._runner.run(step, self._rows)
        except Exception as error:
            logger.exception("a step of %d requests failed", len(step.parts))
            return [self._fail(part.task, error) for part in step.parts]
        self.counts.steps += 1
        self.counts.last_step = time.monotonic()
        news: list[News] = []
        for part in step.parts:
            self.counts.prefill_tokens += (
                part.count if part.start < _prompt(part.task, self._rows) else 0
            )
            self._scheduler.advance(part)
            if part.samples:
                news.append(self._take(part.task, picked[part.task]))
        return news

    def _take(self, task: Task, pick: tuple[int, TokenLogprob | None] | Exception) -> News:
        if isinstance(pick, Exception):
            return self._fail(task, pick)
        row = self._rows[task]
        try:
            chunk = row.accept(*pick)
        except Exception as error:  # a tokenizer's, of this request alone
            logger.exception("request %s failed", row.request.request_id)
            return self._fail(task, error)
        if row.finish:
            self._scheduler.finish(task)
            del self._rows[task]
        return row, chunk

    def _fail(self, task: Task, error: Exception) -> News:
        self._runner.clear(task)
        self._scheduler.finish(task, keep=False)
        return self._rows.pop(task), error

    def _drop_cancelled(self) -> None:
        self._scheduler.drop_cancelled()
        for task in [task for task in self._rows if task.cancelled]:
            del self._rows[task]


def _prompt(task: Task, rows: Mapping[Task, Row]) -> int:
    return len(rows[task].prompt_ids)
