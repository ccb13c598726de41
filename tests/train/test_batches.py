"""Every example once per epoch, the same global batch for any number of workers, no padding."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training_sets import examples
from train.batches import Schedule, micro_batches, pack, share
from train.encoding import IGNORE, Encoded


@pytest.mark.parametrize("count", [1, 4, 7, 9])
def test_schedule_shows_every_example_once_per_epoch(count: int) -> None:
    schedule = Schedule(examples(count), batch_size=4, epochs=3, seed=1)
    seen: dict[int, list[str]] = {}
    for step in range(schedule.steps):
        epoch, batch = schedule.batch(step)
        seen.setdefault(epoch, []).extend(item.id for item in batch)
    assert set(seen) == {0, 1, 2}
    for ids in seen.values():
        assert sorted(ids) == sorted(item.id for item in examples(count))


@pytest.mark.parametrize(
    ("most", "steps", "visits"), [(None, 6, 21), (9, 6, 21), (5, 5, 18), (4, 4, 14), (1, 1, 4)]
)
def test_schedule_ends_after_its_steps_at_most(most: int | None, steps: int, visits: int) -> None:
    schedule = Schedule(examples(7), batch_size=4, epochs=3, seed=1, max_steps=most)
    assert schedule.steps == steps
    assert schedule.visits == visits
    assert sum(len(schedule.batch(step)[1]) for step in range(steps)) == visits


def test_schedule_order_depends_on_epoch_and_seed() -> None:
    def first(seed: int, epoch: int) -> list[str]:
        schedule = Schedule(examples(8), batch_size=8, epochs=2, seed=seed)
        return [item.id for item in schedule.batch(epoch)[1]]

    assert first(1, 0) == first(1, 0)
    assert len({tuple(first(1, 0)), tuple(first(1, 1)), tuple(first(2, 0))}) == 3


@pytest.mark.parametrize("world", [1, 2, 3, 16])
def test_shares_of_all_workers_are_the_global_batch(world: int) -> None:
    batch = examples(8)
    parts = [share(batch, rank, world) for rank in range(world)]
    assert sorted(item.id for part in parts for item in part) == sorted(item.id for item in batch)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(st.lists(st.integers(1, 1000), min_size=4, max_size=40))
def test_shares_of_two_workers_differ_by_no_more_than_two_texts(sizes: list[int]) -> None:
    @dataclass(frozen=True)
    class Text:
        id: str
        size: int

    batch = [Text(str(place), size) for place, size in enumerate(sizes[: len(sizes) // 2 * 2])]
    one, two = (sum(item.size for item in share(batch, rank, 2)) for rank in range(2))
    assert abs(one - two) <= max(sizes) - min(sizes)


def test_micro_batches_stay_within_the_budget_unless_a_text_is_longer() -> None:
    texts = [Encoded([1] * n, [IGNORE] * n) for n in (5, 50, 7, 30, 6, 200, 31)]
    groups = micro_batches(texts, max_tokens=100)
    assert sorted(len(t.ids) for group in groups for t in group) == [5, 6, 7, 30, 31, 50, 200]
    for group in groups:
        assert sum(len(t.ids) for t in group) <= 100 or len(group) == 1
    assert len(groups) == 3


def test_row_counts_positions_anew_for_each_text_and_predicts_no_first_token() -> None:
    row = pack([Encoded([1, 2, 3], [IGNORE, 2, 3]), Encoded([4, 5], [4, 5])])
    assert row.ids_1T.tolist() == [[1, 2, 3, 4, 5]]
    assert row.labels_1T.tolist() == [[IGNORE, 2, 3, IGNORE, 5]]
    assert row.positions_1T.tolist() == [[0, 1, 2, 0, 1]]
    assert row.lengths == (3, 2)
    assert row.ids_1T.dtype == torch.int64
