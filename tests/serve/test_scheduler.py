"""Steps keep to their budget, running answers never wait, every adapter's turn comes."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from serve.engine.fairness import FairQueue
from serve.engine.scheduler import Scheduler
from serve.engine.slots import Slots
from serve.engine.task import Part, Task

prompts = st.lists(
    st.tuples(st.sampled_from([None, "a", "b", "c"]), st.integers(1, 40), st.integers(1, 6)),
    min_size=1,
    max_size=20,
)


class Server:
    """Takes steps; every task generates as many tokens as it is told."""

    def __init__(self, max_running: int, step_tokens: int) -> None:
        self.scheduler = Scheduler(Slots(max_running + 2), max_running, step_tokens)
        self.left: dict[Task, int] = {}
        self.order: list[Task] = []  # in which tasks got their first token

    def ask(self, adapter: str | None, prompt: list[int], tokens: int) -> Task:
        task = Task(adapter, list(prompt))
        self.left[task] = tokens
        self.scheduler.add(task)
        return task

    def step(self) -> tuple[Part, ...]:
        parts = self.scheduler.plan().parts
        for part in parts:
            assert part.start == part.task.computed
            self.scheduler.advance(part)
            if part.samples:
                self.take(part.task)
        return parts

    def take(self, task: Task) -> None:
        if task not in self.order:
            self.order.append(task)
        task.ids.append(99)
        self.left[task] -= 1
        if not self.left[task]:
            self.scheduler.finish(task)


@given(prompts, st.integers(1, 5), st.integers(5, 30))
def test_scheduler_any_load_is_served_in_steps_within_the_budget(
    asked: list[tuple[str | None, int, int]], max_running: int, step_tokens: int
) -> None:
    server = Server(max_running, step_tokens)
    for number, (adapter, length, tokens) in enumerate(asked):
        server.ask(adapter, [number] * length, tokens)
    for _ in range(2000):
        decoding = {task for task in server.left if task.slot >= 0 and task.pending == 1}
        decoding = {task for task in decoding if server.left[task]}
        parts = server.step()
        if not parts:
            break
        assert sum(part.count for part in parts) <= step_tokens
        assert decoding <= {part.task for part in parts}
        slots = [part.task.slot for part in parts]
        assert len(set(slots)) == len(slots) <= max_running
    assert not any(server.left.values())
    assert (server.scheduler.running, server.scheduler.waiting) == (0, 0)


def test_scheduler_long_prompt_leaves_room_for_every_running_answer() -> None:
    server = Server(3, 8)
    talking = server.ask(None, [1], 50)
    server.step()
    server.ask(None, [2] * 70, 1)
    for _ in range(10):
        parts = server.step()
        assert parts[0].task is talking
        assert sum(part.count for part in parts) == 8


@given(st.integers(2, 5), st.integers(1, 30))
def test_scheduler_adapter_with_endless_requests_does_not_starve_others(
    flood: int, length: int
) -> None:
    server = Server(1, 16)
    for _ in range(30):
        server.ask("busy", list(range(length)), 3)
    for _ in range(5):
        server.step()
    late = server.ask("quiet", [7] * length, 3)
    served_before = len(server.order)
    for _ in range(60):
        server.ask("busy", [flood] * length, 3)
        server.step()
        if late in server.order:
            break
    assert server.order.index(late) <= served_before + 1


def test_scheduler_one_adapter_is_served_first_come_first_served() -> None:
    server = Server(1, 64)
    tasks = [server.ask("a", [number] * 5, 2) for number in range(6)]
    while server.step():
        pass
    assert server.order == tasks


def test_scheduler_cancelled_tasks_are_gone_by_the_next_step() -> None:
    server = Server(1, 64)
    running, waiting, next_one = (server.ask(None, [n] * 5, 9) for n in range(3))
    server.step()
    running.cancelled = waiting.cancelled = True
    assert [part.task for part in server.step()] == [next_one]


def test_scheduler_failed_task_leaves_nothing_to_take_over() -> None:
    server = Server(2, 64)
    ids = list(range(50))
    failed = server.ask(None, ids, 5)
    server.step()
    server.scheduler.finish(failed, keep=False)
    again = server.ask(None, ids, 5)
    server.step()
    assert again.cached == 0


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
def test_fair_queue_waiting_keys_are_served_alike(keys: list[str]) -> None:
    queue: FairQueue[str, int] = FairQueue()
    for number, key in enumerate(keys):
        queue.push(key, number)
    served: Counter[str] = Counter()
    while len(queue):
        waiting = [key for key, _ in queue.heads()]
        key = waiting[0]
        assert served[key] == min(served[other] for other in waiting)
        queue.pop(key)
        queue.charge(key, 10)
        served[key] += 1
        queue.leave(key)
    assert served == Counter(keys)


def test_fair_queue_key_that_was_idle_saves_up_nothing() -> None:
    queue: FairQueue[str, int] = FairQueue()
    for number in range(5):
        queue.push("busy", number)
    for _ in range(4):
        queue.pop("busy")
        queue.charge("busy", 100)
    queue.push("idle", 0)
    queue.push("idle", 1)
    order = []
    while len(queue):
        key = queue.heads()[0][0]
        queue.pop(key)
        queue.charge(key, 100)
        order.append(key)
    assert order == ["idle", "busy", "idle"]
