"""Samplers choose among the tokens they may choose from, repeatably."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch

from serve.engine.protocol import SamplingParams
from serve.engine.sampling import Sampler, logprobs_of

HOT = SamplingParams(max_tokens=1, temperature=1.0, top_p=1.0, stop=(), seed=5)
LOGITS = torch.log(torch.tensor([0.05, 0.4, 0.15, 0.3, 0.1]))


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"temperature": 0.0}, {1}),
        ({"top_k": 2}, {1, 3}),
        ({"top_p": 0.5}, {1, 3}),
        ({"top_k": 3, "top_p": 0.9}, {1, 2, 3}),
        ({"top_k": 99}, {0, 1, 2, 3, 4}),
    ],
)
def test_sampler_draws_only_from_what_is_allowed(
    changes: dict[str, float], allowed: set[int]
) -> None:
    sampler = Sampler(replace(HOT, **changes))  # type: ignore[arg-type]
    assert {sampler.pick(LOGITS) for _ in range(300)} == allowed


@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_sampler_draws_by_probability(top_p: float) -> None:
    sampler, draws = Sampler(replace(HOT, top_p=top_p)), 4000
    probs = torch.softmax(LOGITS, -1).tolist()
    kept = {1, 3, 2, 4} if top_p < 1.0 else set(range(5))
    counts = Counter(sampler.pick(LOGITS) for _ in range(draws))
    total = sum(probs[token] for token in kept)
    assert counts.keys() == kept
    for token, count in counts.items():
        share = probs[token] / total
        assert abs(count / draws - share) < 5 * math.sqrt(share / draws)


def test_nucleus_of_a_flat_distribution_over_many_tokens_is_whole() -> None:
    logits_V, count = torch.zeros(5000), 4000
    sampler = Sampler(replace(HOT, top_p=0.5))
    drawn = {sampler.pick(logits_V) for _ in range(count)}
    # 2,500 tokens are in; so many draws leave a fifth of them out
    assert 1700 < len(drawn) <= 2501


def test_impossible_token_is_never_drawn() -> None:
    logits = torch.tensor([-math.inf, 0.0, -math.inf, 0.0, -math.inf])
    sampler = Sampler(HOT)
    assert {sampler.pick(logits) for _ in range(300)} == {1, 3}


def test_sampler_same_seed_draws_the_same_tokens() -> None:
    first, second, other = (Sampler(replace(HOT, seed=seed)) for seed in (5, 5, 6))
    draws = [[sampler.pick(LOGITS) for _ in range(20)] for sampler in (first, second, other)]
    assert draws[0] == draws[1] != draws[2]


def test_logprobs_are_of_the_untempered_distribution() -> None:
    found = logprobs_of(LOGITS * 1.0, 2, 2, lambda token: b"abcde"[token : token + 1])
    assert found.chosen.token_id == 2
    assert math.isclose(math.exp(found.chosen.logprob), 0.15, rel_tol=1e-5)
    assert [(other.token_id, other.piece) for other in found.top] == [(1, b"b"), (3, b"d")]
    assert logprobs_of(LOGITS, 2, 0, lambda token: b"").top == ()
