"""The budget: what calls take never exceeds it, in whatever order and company they are asked."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import SettingsError
from cluster.settings import TeacherSettings
from data_prep.teacher.budget import Budget, Prices, Usage, likely_tokens, most_tokens

usages = st.builds(Usage, st.just(1), st.integers(0, 500), st.integers(0, 500))
# what a call may take at most, and which share of it the call takes in the end
asked = st.lists(st.tuples(usages, st.floats(0, 1)), max_size=30)


def settings(**values: object) -> TeacherSettings:
    return TeacherSettings.model_validate({"url": "http://t", "model": "m", **values})


def spend(budget: Budget, calls: list[tuple[Usage, float]], askers: int) -> int:
    """Ask with several askers at once; returns how many calls were let through."""
    waiting = list(calls)

    async def asker() -> int:
        done = 0
        while waiting:
            most, share = waiting.pop(0)
            if not await budget.reserve(most):
                return done
            await asyncio.sleep(0)
            used = Usage(1, int(most.tokens_in * share), int(most.tokens_out * share))
            await budget.settle(most, used)
            done += 1
        return done

    async def all_askers() -> int:
        return sum(await asyncio.gather(*(asker() for _ in range(askers))))

    return asyncio.run(all_askers())


@given(asked, st.integers(1, 4000), st.integers(1, 6), usages)
def test_tokens_never_exceed_the_limit(
    calls: list[tuple[Usage, float]], limit: int, askers: int, before: Usage
) -> None:
    budget = Budget(settings(max_tokens=limit), before)
    spend(budget, calls, askers)
    assert budget.spent.tokens <= max(limit, before.tokens)


@given(asked, st.floats(0.0001, 0.01), st.integers(1, 6))
def test_cost_never_exceeds_the_limit(
    calls: list[tuple[Usage, float]], limit: float, askers: int
) -> None:
    prices = {"input_usd_per_million": 1.5, "output_usd_per_million": 6}
    chosen = settings(max_cost_usd=limit, **prices)
    budget = Budget(chosen, Usage())
    spend(budget, calls, askers)
    assert (Prices(chosen).cost(budget.spent) or 0) <= limit


@given(asked, st.integers(1, 6))
def test_everything_is_asked_where_the_limit_is_far(
    calls: list[tuple[Usage, float]], askers: int
) -> None:
    assert spend(Budget(settings(max_tokens=10**6), Usage()), calls, askers) == len(calls)
    assert spend(Budget(settings(), Usage()), calls, askers) == len(calls)


def test_call_that_fits_when_others_have_ended_waits_for_them() -> None:
    """Four calls may take 100 tokens and take 20: all of them fit into 160, one after the other."""
    calls = [(Usage(1, 50, 50), 0.2)] * 4
    assert spend(Budget(settings(max_tokens=160), Usage()), calls, 4) == 4
    assert spend(Budget(settings(max_tokens=159), Usage()), calls, 4) == 3


def test_cost_limit_without_prices_says_what_to_set() -> None:
    for given_price in ({}, {"input_usd_per_million": 1}):
        with pytest.raises(SettingsError, match=r"teacher\.input_usd_per_million and"):
            Budget(settings(max_cost_usd=3, **given_price), Usage())
    assert Prices(settings()).cost(Usage(1, 10, 10)) is None


@given(st.text(max_size=200))
def test_upper_bound_of_a_prompt_is_above_its_estimate(text: str) -> None:
    assert most_tokens([{"role": "user", "content": text}]) >= likely_tokens([text])
    assert likely_tokens([text]) >= len(text) / 4
