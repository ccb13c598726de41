"""The model's thread goes on whatever happens to a request or a step."""

import queue
from collections.abc import Mapping, Sequence

import pytest

from serve.engine.protocol import GenerationChunk, TokenLogprob
from serve.engine.row import Codec, Row
from serve.engine.scheduler import Scheduler
from serve.engine.slots import Slots
from serve.engine.task import Step, Task
from serve.engine.worker import News, Worker
from tests.serve.engines import prompt

POISON, BROKEN = 13, 14  # tokens whose requests fail their step, or alone


class Runner:
    """Every token is followed by 7."""

    def __init__(self) -> None:
        self.cleared: list[Task] = []

    def run(
        self, step: Step, rows: Mapping[Task, Row]
    ) -> dict[Task, tuple[int, TokenLogprob | None] | Exception]:
        if any(POISON in part.task.ids for part in step.parts):
            raise RuntimeError("poison")
        picked: dict[Task, tuple[int, TokenLogprob | None] | Exception] = {}
        for part in step.parts:
            broken = BROKEN in part.task.ids
            picked[part.task] = ValueError("broken") if broken else (7, None)
        return picked

    def clear(self, task: Task) -> None:
        self.cleared.append(task)


class House:
    """A worker and what it delivered."""

    def __init__(self) -> None:
        self.runner = Runner()
        self.news: queue.Queue[News] = queue.Queue()
        scheduler = Scheduler(Slots(4), 4, 64)

        def deliver(news: Sequence[News]) -> None:
            for item in news:
                self.news.put(item)

        self.worker = Worker(self.runner, scheduler, deliver)
        self.worker.start()

    def ask(self, *ids: int) -> Row:
        row = Row(
            prompt(list(ids), max_tokens=2),
            ids,
            Codec(lambda ids: "x" * len(ids), frozenset(), lambda token: b"x"),
        )
        self.worker.submit(row)
        return row

    def next(self) -> News:
        return self.news.get(timeout=10)


@pytest.fixture
def house():
    house = House()
    yield house
    house.worker.close()


def test_worker_failing_step_fails_its_requests_and_the_next_ones_work(house: House) -> None:
    bad = house.ask(POISON)
    row, error = house.next()
    assert row is bad
    assert isinstance(error, RuntimeError)
    assert house.runner.cleared == [bad.task]
    good = house.ask(1)
    for tokens in (1, 2):
        row, chunk = house.next()
        assert row is good
        assert isinstance(chunk, GenerationChunk)
        assert chunk.completion_tokens == tokens


def test_worker_failing_request_fails_alone(house: House) -> None:
    rows = [house.ask(1), house.ask(BROKEN), house.ask(2)]
    news = [house.next() for _ in range(5)]
    failed = [row for row, what in news if isinstance(what, Exception)]
    assert failed == [rows[1]]
    assert [rows[0].tokens, rows[2].tokens] == [2, 2]


def test_worker_cancelled_request_is_gone_before_what_is_called_next(house: House) -> None:
    row = house.ask(1)
    house.next()
    row.task.cancelled = True
    assert house.worker.call(lambda: "done").result(10) == "done"
    other = house.ask(2)
    assert {id(house.next()[0]) for _ in range(2)} <= {id(other), id(row)}


def test_worker_call_that_raises_tells_its_caller_only(house: House) -> None:
    with pytest.raises(ZeroDivisionError):
        house.worker.call(lambda: 1 / 0).result(10)
    assert house.worker.call(lambda: 1).result(10) == 1


def test_worker_closed_still_answers_who_waits() -> None:
    house = House()
    house.worker.close()
    house.worker.close()
