"""How a step is laid out: runs of slots, segments of adapters, lanes of resident columns."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from serve.engine.lanes import Lanes
from serve.engine.runs import CALL_KEYS, attention_cost, split_runs
from serve.engine.segments import Segment, arrange
from serve.engine.task import Part, Task

rows = st.dictionaries(st.integers(0, 30), st.integers(1, 4000), min_size=1, max_size=12).map(
    lambda of: sorted(of.items())
)
RANKS = {"a": 16, "b": 16, "c": 4}
ADAPTERS = st.sampled_from([None, "a", "b", "c"])
asked = st.lists(
    st.tuples(ADAPTERS, st.sampled_from([1, 1, 1, 5, 40, 90])), min_size=1, max_size=12
)


def test_runs_equal_neighbours_attend_together() -> None:
    (run,) = split_runs([2, 3, 4], [50, 50, 50])
    assert (run.slot, run.span, run.rows, run.keys) == (2, 3, 3, 50)


def test_runs_one_long_row_is_split_from_short_ones() -> None:
    runs = split_runs([0, 1, 2, 3], [20, 20, 3000, 20])
    assert [(run.slot, run.span, run.keys) for run in runs] == [
        (0, 2, 20),
        (2, 1, 3000),
        (3, 1, 20),
    ]


def test_runs_without_rows_are_none() -> None:
    assert split_runs([], []) == []


@given(rows)
def test_runs_cover_every_row_once_and_cost_no_more_than_the_simple_splits(
    rows: list[tuple[int, int]],
) -> None:
    slots, lengths = [row[0] for row in rows], [row[1] for row in rows]
    runs = split_runs(slots, lengths)
    covered = [i for run in runs for i in range(run.row, run.row + run.rows)]
    assert covered == list(range(len(rows)))
    for run in runs:
        own = range(run.row, run.row + run.rows)
        assert run.keys == max(lengths[i] for i in own)
        assert (run.slot, run.slot + run.span - 1) == (slots[own[0]], slots[own[-1]])
    cost = sum(CALL_KEYS + run.span * run.keys for run in runs)
    assert cost == attention_cost(slots, lengths)
    assert cost <= CALL_KEYS + (slots[-1] - slots[0] + 1) * max(lengths)
    assert cost <= sum(CALL_KEYS + length for length in lengths)


@given(asked)
def test_arrangement_gives_every_token_its_adapter(asked: list[tuple[str | None, int]]) -> None:
    parts = [
        Part(Task(adapter, [1] * count, slot=len(asked) - at), 0, count)
        for at, (adapter, count) in enumerate(asked)
    ]
    arranged = arrange(parts, RANKS, "cpu")
    assert sorted(map(id, arranged.parts)) == sorted(map(id, parts))
    expected = [part.task.adapter for part in arranged.parts for _ in range(part.count)]
    got = [*arranged.mixed, *[None] * (len(expected) - len(arranged.mixed))]
    for segment in arranged.segments:
        assert segment.start >= len(arranged.mixed)
        got[segment.start : segment.stop] = [segment.adapter] * (segment.stop - segment.start)
    assert got == expected
    decoding = [part.task.slot for part in arranged.parts if part.count == 1]
    assert decoding == sorted(decoding)
    assert all(part.count == 1 for part in arranged.parts[: len(decoding)])


def test_arrangement_of_one_adapter_is_one_segment() -> None:
    parts = [Part(Task("a", [1] * count), 0, count) for count in (1, 5, 90, 1)]
    arranged = arrange(parts, RANKS, "cpu")
    assert (arranged.mixed, arranged.segments) == ((), (Segment(0, 97, "a"),))


def test_arrangement_chunk_leaves_the_mixed_block_when_foreign_ranks_cost_more_than_a_call() -> (
    None
):
    def mixed_tokens(count: int, device: str) -> int:
        parts = [Part(Task("a", [1] * 9), 8, 1), Part(Task("b", [1] * count), 0, count)]
        return len(arrange(parts, RANKS, device).mixed)

    assert mixed_tokens(5, "cpu") == 6
    assert mixed_tokens(40, "cpu") == 0  # two adapters, each on its own tokens
    assert mixed_tokens(40, "cuda") == 41


def test_arrangement_of_the_base_model_has_no_adapters() -> None:
    arranged = arrange([Part(Task(None, [1] * count), 0, count) for count in (1, 50)], RANKS, "cpu")
    assert (arranged.mixed, arranged.segments) == ((), ())


def test_lanes_adapter_in_use_keeps_its_columns() -> None:
    lanes = Lanes(32)
    first = lanes.place({"a": 8, "b": 16})
    assert set(first.new) == {"a", "b"}
    joined = lanes.place({"a": 8, "b": 16, "c": 3})
    assert joined.new == ("c",)
    assert joined.lanes["a"] == first.lanes["a"]
    assert lanes.place({"a": 8}).new == ()
    assert lanes.place({"b": 16, "c": 3}).new == ()


def test_lanes_least_recently_used_adapter_gives_way() -> None:
    lanes = Lanes(16)
    lanes.place({"a": 8})
    lanes.place({"b": 8})
    lanes.place({"a": 8})
    lanes.place({"c": 8})
    assert lanes.place({"a": 8}).new == ()
    assert lanes.place({"b": 8}).new == ("b",)


def test_lanes_adapter_that_does_not_fit_is_left_out() -> None:
    assert set(Lanes(16).place({"a": 8, "b": 8, "c": 8}).lanes) == {"a", "b"}
    assert Lanes(16).place({"wide": 17}).lanes == {}


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 20), max_size=4), max_size=15
    )
)
def test_lanes_never_overlap_and_hold_their_ranks(steps: list[dict[str, int]]) -> None:
    ranks = dict(zip("abcdef", (3, 8, 9, 16, 20, 1), strict=True))
    lanes, written = Lanes(40), set()
    for step in steps:
        wanted = {name: ranks[name] for name in step}
        placed = lanes.place(wanted)
        written |= set(placed.new)
        spans = sorted((lane.start, lane.stop) for lane in placed.lanes.values())
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
        for name, lane in placed.lanes.items():
            assert name in written
            assert lane.start >= 0
            assert lane.start + ranks[name] <= lane.stop <= 40
