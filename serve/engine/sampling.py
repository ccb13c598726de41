"""Logits -> token: greedy or sampled (temperature, top-k, nucleus), repeatable by seed.

V vocabulary.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from serve.engine.protocol import LikelyToken, SamplingParams, TokenLogprob


class Sampler:
    """Chooses the tokens of one request; its generator depends on nothing but the seed."""

    def __init__(self, params: SamplingParams) -> None:
        self.greedy = params.temperature == 0.0
        self.alternatives = params.logprobs
        self._temperature = params.temperature
        self._top_p, self._top_k = params.top_p, params.top_k
        self._generator = torch.Generator().manual_seed(params.seed)

    def pick(self, logits_V: Tensor) -> int:
        """The next token from the logits of the last position."""
        if self.greedy:
            return int(logits_V.argmax())
        scores_V = logits_V.float().cpu() / self._temperature
        if 0 < self._top_k < len(scores_V):
            scores_V = _most_likely(scores_V, self._top_k)
        probs_V = torch.softmax(scores_V, dim=-1)
        if self._top_p < 1.0:
            probs_V = _nucleus(probs_V, self._top_p)
        return int(torch.multinomial(probs_V, 1, generator=self._generator))


def logprobs_of(
    logits_V: Tensor, token: int, alternatives: int, piece: Callable[[int], bytes]
) -> TokenLogprob:
    """The log probability of a token and of the most likely ones; `piece` gives a token's bytes."""
    logprobs_V = logits_V.float().log_softmax(-1)
    values, tokens = logprobs_V.topk(min(alternatives, len(logprobs_V)))
    likely = zip(tokens.tolist(), values.tolist(), strict=True)
    top = tuple(LikelyToken(other, logprob, piece(other)) for other, logprob in likely)
    return TokenLogprob(LikelyToken(token, float(logprobs_V[token]), piece(token)), top)


def _most_likely(scores_V: Tensor, count: int) -> Tensor:
    """The `count` highest scores, exactly so many even when scores tie, the rest impossible."""
    values, tokens = scores_V.topk(count)
    return torch.full_like(scores_V, -torch.inf).scatter(0, tokens, values)


def _nucleus(probs_V: Tensor, top_p: float) -> Tensor:
    """The smallest set of most likely tokens with at least `top_p` together, the rest zero."""
    sorted_V, order_V = probs_V.sort(descending=True)
    # mass of the more likely ones: the first is always in
    before_V = sorted_V.cumsum(-1) - sorted_V
    return torch.zeros_like(probs_V).scatter(
        0, order_V, sorted_V.masked_fill(before_V >= top_p, 0.0)
    )
