"""Logits -> token: greedy or sampled (temperature, top-k, nucleus), repeatable by seed.

V vocabulary; without a suffix: all tokens, or those that are left.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from serve.engine.protocol import LikelyToken, SamplingParams, TokenLogprob

# tokens of a nucleus: found in a thirtieth of the time that sorting a vocabulary takes
_USUALLY_ENOUGH = 1024


class Sampler:
    """Chooses the tokens of one request; its generator depends on nothing but the seed."""

    def __init__(self, params: SamplingParams) -> None:
        self.greedy = params.temperature == 0.0
        self.alternatives = params.logprobs
        self._temperature = params.temperature
        self._top_p, self._top_k = params.top_p, params.top_k
        self._generator = torch.Generator().manual_seed(params.seed)

    def pick(self, logits_V: Tensor) -> int:
        """The next token from the logits of the last position; RuntimeError when they are not numbers."""
        if self.greedy:
            return int(logits_V.argmax())
        scores = logits_V.float().cpu() / self._temperature
        tokens = None
        if 0 < self._top_k < len(scores):
            scores, tokens = scores.topk(self._top_k)
        probs = torch.softmax(scores, dim=-1)
        if self._top_p < 1.0:
            probs, places = _nucleus(probs, self._top_p)
            tokens = places if tokens is None else tokens[places]
        if tokens is None:
            return self._draw(probs)
        # by number: two tokens that are as likely may change places when other requests are in the step
        tokens, order = tokens.sort()
        return int(tokens[self._draw(probs[order])])

    def _draw(self, probs: Tensor) -> int:
        """A place by its share of the sum: one random number, where torch.multinomial draws one each.

        RuntimeError when these are no probabilities.
        """
        until = probs.double().cumsum(-1)
        if not math.isfinite(until[-1]):
            raise RuntimeError("the logits of the model are not numbers")
        point = torch.rand(1, dtype=torch.double, generator=self._generator) * until[-1]
        return min(int(torch.searchsorted(until, point, right=True)), len(probs) - 1)


def logprobs_of(
    logits_V: Tensor, token: int, alternatives: int, piece: Callable[[int], bytes]
) -> TokenLogprob:
    """The log probability of a token and of the most likely ones; `piece` gives a token's bytes."""
    logprobs_V = logits_V.float().log_softmax(-1)
    values, tokens = logprobs_V.topk(min(alternatives, len(logprobs_V)))
    likely = zip(tokens.tolist(), values.tolist(), strict=True)
    top = tuple(LikelyToken(other, logprob, piece(other)) for other, logprob in likely)
    return TokenLogprob(LikelyToken(token, float(logprobs_V[token]), piece(token)), top)


def _nucleus(probs: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The smallest set of most likely ones with at least `top_p` together, and their places."""
    likely, places = probs.topk(min(_USUALLY_ENOUGH, len(probs)))
    if likely.sum() < top_p:
        likely, places = probs.sort(descending=True)
    # mass of the more likely ones: the first is always in
    kept = int((likely.cumsum(-1) - likely < top_p).sum())
    return likely[:kept], places[:kept]
