"""What the rest of `serve` knows of an engine, and what goes in and out.

An engine owns one base model and any number of loaded adapters. `generate` streams; closing its
iterator cancels the request and frees its slot. Adapters are named by immutable ids
(`name@version`), so a request can never see two versions of one adapter.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from cluster.prompts import Message

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """`temperature` 0 is greedy; `seed` makes a sampled answer repeatable.

    `top_k` 0 means all tokens. `logprobs` asks for the log probability of each chosen token and of
    that many most likely ones beside it; None for neither. `ignore_eos` generates `max_tokens` whatever
    the model says, for measurements.
    """

    max_tokens: int
    temperature: float
    top_p: float
    stop: tuple[str, ...]
    seed: int
    top_k: int = 0
    logprobs: int | None = None
    ignore_eos: bool = False


@dataclass(frozen=True, slots=True)
class LikelyToken:
    """A token, the natural logarithm of the probability that the model itself gave it (before
    temperature, top_k and top_p), and `piece`, the bytes it adds to the text."""

    token_id: int
    logprob: float
    piece: bytes


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A generated token; `top` has the most likely ones in its place, the first first."""

    chosen: LikelyToken
    top: tuple[LikelyToken, ...]


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One answer to generate. `prompt_ids`, when given, replaces `messages` (already templated).

    With `whole` nobody reads along: after the first chunk, the admission, the generator replica sends the
    answer in one. An engine streams all the same.
    """

    request_id: str
    messages: tuple[Message, ...]
    adapter: str | None
    sampling: SamplingParams
    prompt_ids: tuple[int, ...] | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class GenerationChunk:
    """New text and tokens since the chunk before; the counts are totals so far.

    The first chunk is empty and sent at once: the request is admitted, its prompt counted. The last
    one has a `finish_reason`. `cached_tokens` of the prompt were not computed: an earlier request
    with the same adapter began with them; known from the first token on. `logprobs` are those of
    `token_ids`, when they were asked for.
    """

    text: str
    token_ids: tuple[int, ...]
    finish_reason: FinishReason | None
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Counters since start, and what is going on now.

    Of the `prompt_tokens` of requests that got a first token, `cached_tokens` were taken over from
    earlier requests; `prefill_tokens` were computed, and `steps` forward passes made.
    """

    running: int
    waiting: int
    finished: int
    cancelled: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    adapters: tuple[str, ...]
    cached_tokens: int = 0
    prefill_tokens: int = 0
    steps: int = 0


class Engine(Protocol):
    """Tokens from one base model with many adapters."""

    @property
    def context_tokens(self) -> int:
        """Prompt and completion together may have this many tokens."""

    async def start(self) -> None:
        """Load the base model; idempotent. Nothing else may be called before."""

    def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationChunk, None]:
        """Stream an answer. UsageError when the prompt does not fit, NotFoundError when the adapter
        is not loaded, UnavailableError when the model fails."""

    async def load_adapter(self, name: str, path: Path) -> None:
        """Load a folder of adapter files; ConflictError when it does not fit the base model."""

    async def unload_adapter(self, name: str) -> None:
        """Forget an adapter; no error when it is not loaded, ConflictError when it is in use."""

    def adapters(self) -> list[str]:
        """Names of the loaded adapters, sorted."""

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Prompt tokens that these messages become."""

    def stats(self) -> EngineStats:
        """A snapshot."""

    async def check(self) -> None:
        """Run the model; UnavailableError when it does not answer."""

    async def close(self) -> None:
        """Cancel what runs and free the model."""
