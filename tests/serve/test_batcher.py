"""Batches form by themselves: at once when idle, bounded, by key; one that fails harms no other."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import UnavailableError
from serve.batcher import Batcher


class Doubler:
    """Doubles numbers; a cleared `gate` holds every batch, a key of "bad" fails."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def work(self, key: str, items: list[int]) -> list[int]:
        self.batches.append((key, items))
        await self.gate.wait()
        if key == "bad":
            raise UnavailableError("bad")
        return [2 * item for item in items]


def run(test: Callable[[Batcher[str, int, int], Doubler], Awaitable[Any]], most: int = 8) -> Any:
    async def main() -> Any:
        doubler = Doubler()
        return await asyncio.wait_for(test(Batcher(doubler.work, most), doubler), 5)

    return asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


def test_batcher_idle_starts_at_once_and_gathers_while_it_works() -> None:
    async def test(batcher: Batcher[str, int, int], doubler: Doubler) -> None:
        doubler.gate.clear()
        first = asyncio.create_task(batcher.ask("k", [1]))
        await until(lambda: len(doubler.batches) == 1)
        others = [asyncio.create_task(batcher.ask("k", [n, n])) for n in (2, 3)]
        await asyncio.sleep(0)
        doubler.gate.set()
        assert await first == [2]
        assert await asyncio.gather(*others) == [[4, 4], [6, 6]]
        assert doubler.batches == [("k", [1]), ("k", [2, 2, 3, 3])]

    run(test)


def test_batcher_callers_of_one_turn_share_a_batch() -> None:
    async def test(batcher: Batcher[str, int, int], doubler: Doubler) -> None:
        assert await asyncio.gather(*(batcher.ask("k", [n]) for n in range(8))) == [
            [2 * n] for n in range(8)
        ]
        assert len(doubler.batches) == 1

    run(test)


def test_batcher_failing_key_fails_its_own_callers_only() -> None:
    async def test(batcher: Batcher[str, int, int], doubler: Doubler) -> None:
        asked = [batcher.ask(key, [1]) for key in ("good", "bad", "good", "bad")]
        good, bad, fine, worse = await asyncio.gather(*asked, return_exceptions=True)
        assert (good, fine) == ([2], [2])
        assert isinstance(bad, UnavailableError)
        assert isinstance(worse, UnavailableError)
        with pytest.raises(UnavailableError):
            await batcher.ask("bad", [1])  # and the lane is usable again

    run(test)


def test_batcher_slow_key_does_not_hold_up_another() -> None:
    async def test(batcher: Batcher[str, int, int], doubler: Doubler) -> None:
        doubler.gate.clear()
        slow = asyncio.create_task(batcher.ask("slow", [1]))
        await until(lambda: len(doubler.batches) == 1)
        other = asyncio.create_task(batcher.ask("other", [1]))
        await until(lambda: len(doubler.batches) == 2)
        doubler.gate.set()
        assert await asyncio.gather(slow, other) == [[2], [2]]

    run(test)


def test_batcher_cancelled_caller_drops_out_of_the_next_batch() -> None:
    async def test(batcher: Batcher[str, int, int], doubler: Doubler) -> None:
        doubler.gate.clear()
        tasks = [asyncio.create_task(batcher.ask("k", [1]))]
        await until(lambda: len(doubler.batches) == 1)
        tasks += [asyncio.create_task(batcher.ask("k", [n])) for n in (2, 3)]
        await asyncio.sleep(0)
        tasks[0].cancel()  # at work already
        tasks[1].cancel()  # still waiting
        await asyncio.sleep(0)
        doubler.gate.set()
        assert await tasks[2] == [6]
        assert doubler.batches == [("k", [1]), ("k", [3])]

    run(test)


def test_batcher_work_that_loses_a_result_is_an_error_and_no_hang() -> None:
    async def main() -> None:
        async def lossy(_: str, items: list[int]) -> list[int]:
            return items[1:]

        with pytest.raises(ValueError, match="shorter"):
            await asyncio.wait_for(Batcher(lossy, 8).ask("k", [1, 2]), 5)

    asyncio.run(main())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.integers(), max_size=12))))
@settings(max_examples=60)
def test_batcher_gives_everybody_their_own_and_keeps_to_its_bound(
    asked: list[tuple[str, list[int]]],
) -> None:
    async def test(batcher: Batcher[str, int, int], doubler: Doubler) -> None:
        answers = await asyncio.gather(*(batcher.ask(key, items) for key, items in asked))
        assert answers == [[2 * item for item in items] for _, items in asked]
        largest = max((len(items) for _, items in asked), default=0)
        assert all(len(items) <= max(5, largest) for _, items in doubler.batches)

    run(test, most=5)
