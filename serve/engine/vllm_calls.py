"""What vLLM is given and gives, in the protocol's words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cluster.errors import UnavailableError, UsageError
from serve.engine.protocol import (
    FinishReason,
    GenerationChunk,
    GenerationRequest,
    LikelyToken,
    SamplingParams,
    TokenLogprob,
)

_FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}


@dataclass(slots=True, eq=False)
class Live:
    """A request that vLLM has: takes its outputs and gives the chunks they are."""

    request: GenerationRequest
    prompt_tokens: int
    piece: Callable[[int], bytes]
    tokens: int = 0
    cached: int = 0
    finish: FinishReason | None = None
    failed: bool = False

    def accept(self, output: Any) -> GenerationChunk:
        """The next output of the request; UnavailableError when it ends without an end."""
        (new,) = output.outputs
        if new.finish_reason is not None and new.finish_reason not in _FINISH:
            raise UnavailableError(f"generation failed: vLLM ended it with {new.finish_reason!r}")
        self.finish = _FINISH.get(new.finish_reason)
        ids = tuple(new.token_ids)
        self.tokens += len(ids)
        self.cached = output.num_cached_tokens or 0
        top = self.request.sampling.logprobs
        if top is None:
            return self.chunk(new.text, ids)
        return self.chunk(new.text, ids, self._logprobs(ids, new.logprobs or ()))

    def _logprobs(
        self, ids: Sequence[int], found: Sequence[Mapping[int, Any]]
    ) -> tuple[TokenLogprob, ...]:
        """vLLM gives the chosen token beside the most likely ones, in one mapping."""
        top, result = self.request.sampling.logprobs or 0, []
        for chosen, by_id in zip(ids, found, strict=True):
            likely = {
                token: LikelyToken(token, of.logprob, self.piece(token))
                for token, of in sorted(by_id.items(), key=lambda item: item[1].rank)
            }
            ranked = (likely[token] for token in likely if by_id[token].rank <= top)
            result.append(TokenLogprob(likely[chosen], tuple(ranked)))
        return tuple(result)

    def chunk(
        self, text: str, token_ids: tuple[int, ...], logprobs: tuple[TokenLogprob, ...] = ()
    ) -> GenerationChunk:
        """A chunk with the request's counts."""
        counts = (self.prompt_tokens, self.tokens, self.cached)
        return GenerationChunk(text, token_ids, self.finish, *counts, logprobs)


def sampling_params(sampling: SamplingParams) -> Any:
    """vLLM's own parameters. It raises errors of `engine_errors` for values out of range."""
    from vllm import SamplingParams as VllmSamplingParams
    from vllm.sampling_params import RequestOutputKind

    return VllmSamplingParams(
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        # -1 is "no seed" to vLLM, an ordinary one to us
        seed=2**63 - 1 if sampling.seed == -1 else sampling.seed,
        stop=list(sampling.stop),
        logprobs=sampling.logprobs,
        ignore_eos=sampling.ignore_eos,
        output_kind=RequestOutputKind.DELTA,
    )


@contextmanager
def engine_errors(closing: Callable[[], bool]) -> Iterator[None]:
    """vLLM's errors as ours: UsageError for a bad value, UnavailableError when it failed or died."""
    from vllm.exceptions import VLLMClientError, VLLMServerError

    try:
        yield
    except VLLMClientError as error:
        raise UsageError(f"vLLM refuses the request: {error}") from error
    except (UnavailableError, VLLMServerError) as error:
        if closing():
            raise UnavailableError("the engine is closing") from error
        if isinstance(error, UnavailableError):
            raise
        raise UnavailableError(
            f"generation failed, vLLM's log says why: {error.__cause__ or error}"
        ) from error
