"""Which slot a request gets, and what it takes over from earlier ones."""

from hypothesis import given
from hypothesis import strategies as st

from serve.engine.prefixes import common_prefix
from serve.engine.slots import Place, Slots
from serve.engine.task import Task

DOCUMENT = list(range(1000, 1200))


def put(slots: Slots, ids: list[int], adapter: str | None = None, done: bool = True) -> Task:
    task = Task(adapter, list(ids))
    place = slots.find(adapter, ids)
    assert place is not None
    slots.take(task, place)
    task.computed = len(ids)
    task.ids.append(1)
    if done:
        slots.release(task)
    return task


@given(st.lists(st.integers(0, 1), max_size=300), st.lists(st.integers(0, 1), max_size=300))
def test_common_prefix_counts_equal_tokens_up_to_the_limit(
    left: list[int], right: list[int]
) -> None:
    expected = 0
    while expected < min(len(left), len(right)) and left[expected] == right[expected]:
        expected += 1
    assert common_prefix(left, right, 1000) == expected
    assert common_prefix(left, right, 7) == min(expected, 7)
    assert common_prefix(left, left + right, 1000) == len(left)


def test_slots_same_prompt_again_is_taken_over_in_place_but_for_its_last_token() -> None:
    slots = Slots(4)
    first = put(slots, DOCUMENT)
    assert slots.find(None, DOCUMENT) == Place(first.slot, 199)
    assert slots.find(None, [*DOCUMENT, 5]) == Place(first.slot, 200)


def test_slots_prefix_of_a_longer_answer_is_copied_and_the_source_kept() -> None:
    slots = Slots(4)
    first = put(slots, [*DOCUMENT[:50], *range(150)])
    place = slots.find(None, [*DOCUMENT[:50], 7, 7])
    assert place is not None
    assert (place.cached, place.source) == (50, first.slot)
    assert place.slot != first.slot


def test_slots_prefix_of_a_running_request_is_copied() -> None:
    slots = Slots(2)
    running = put(slots, DOCUMENT, done=False)
    place = slots.find(None, [*DOCUMENT, 7])
    assert place == Place(1 - running.slot, 200, running.slot)


def test_slots_prefix_of_another_adapter_is_never_taken() -> None:
    slots = Slots(3)
    put(slots, DOCUMENT, "a")
    for adapter in (None, "b"):
        place = slots.find(adapter, DOCUMENT)
        assert place is not None
        assert place.cached == 0


def test_slots_request_waits_while_another_computes_its_prefix() -> None:
    slots = Slots(3)
    leader = put(slots, DOCUMENT, done=False)
    leader.ids, leader.computed = list(DOCUMENT), 100
    assert slots.find(None, [*DOCUMENT, 7]) is None
    assert slots.find("a", [*DOCUMENT, 7]) is not None
    leader.computed = 199
    assert slots.find(None, [*DOCUMENT, 7]) is not None


def test_slots_least_recently_used_history_gives_way() -> None:
    slots = Slots(2)
    old = put(slots, DOCUMENT[:100])
    put(slots, DOCUMENT[100:])
    put(slots, [5] * 30)
    found = slots.find(None, DOCUMENT)
    assert found is not None
    assert found.cached == 0
    assert old.slot in slots.free
    place = slots.find(None, DOCUMENT[100:])
    assert place is not None
    assert place.cached == 99


def test_slots_forgotten_adapter_leaves_no_prefix() -> None:
    slots = Slots(2)
    put(slots, DOCUMENT, "a")
    slots.forget("a")
    place = slots.find("a", DOCUMENT)
    assert place is not None
    assert place.cached == 0


def test_slots_new_request_goes_beside_those_of_its_length() -> None:
    slots = Slots(8)
    put(slots, [1] * 30, done=False)
    place = slots.find(None, [2] * 30)
    assert place is not None
    assert place.slot == 1  # not behind a gap that attention would compute


def test_slots_all_busy_means_wait() -> None:
    slots = Slots(1)
    put(slots, DOCUMENT, done=False)
    assert slots.find(None, [1]) is None
