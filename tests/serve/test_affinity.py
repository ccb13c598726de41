"""The choice of a replica: holders first, while that costs no balance."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from serve.affinity import Candidate, choose

CANDIDATES = st.lists(
    st.builds(Candidate, st.integers(0, 20), st.booleans(), st.booleans()), max_size=8
)


def test_choose_holder_that_is_nearly_as_idle_goes_first() -> None:
    loads = [Candidate(0), Candidate(2, holds=True), Candidate(1)]
    assert choose(loads, 2, Random(0)) == [1, 0]
    assert choose(loads, 1, Random(0)) == [0, 2]


def test_choose_full_holder_is_passed_over_and_all_full_are_still_tried() -> None:
    assert choose([Candidate(1, full=True, holds=True), Candidate(1)], 9, Random(0)) == [1]
    assert choose([Candidate(3, full=True), Candidate(2, full=True)], 9, Random(0)) == [1, 0]
    assert choose([], 9, Random(0)) == []


def test_choose_equals_by_chance() -> None:
    firsts = {choose([Candidate(0)] * 3, 2, Random(seed))[0] for seed in range(50)}
    assert firsts == {0, 1, 2}


@given(CANDIDATES, st.integers(0, 5), st.randoms(use_true_random=False))
def test_choose_never_costs_more_than_the_slack(
    loads: list[Candidate], slack: int, random: Random
) -> None:
    chosen = choose(loads, slack, random)
    usable = [load for load in loads if not load.full] or loads
    assert len(chosen) == min(2, len(usable)) == len(set(chosen))
    if not chosen:
        return
    first = loads[chosen[0]]
    shortest = min(load.queue for load in usable)
    assert first in usable
    assert first.queue <= shortest + (slack if first.holds else 0)
    near = [load for load in usable if load.holds and load.queue <= shortest + slack]
    assert first.holds or not near


@given(st.integers(2, 6), st.integers(0, 4), st.integers(1, 80), st.randoms(use_true_random=False))
def test_choose_one_hot_adapter_uses_all_replicas(
    replicas: int, slack: int, requests: int, random: Random
) -> None:
    """Requests that stay, all for an adapter that only the first replica holds."""
    queues = [0] * replicas
    for _ in range(requests):
        loads = [Candidate(queue, holds=n == 0) for n, queue in enumerate(queues)]
        queues[choose(loads, slack, random)[0]] += 1
    assert max(queues) - min(queues) <= slack + 1
    assert queues[0] == max(queues)
