"""A request being generated: its task, its sampler, its text so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from serve.engine.protocol import FinishReason, GenerationChunk, GenerationRequest, TokenLogprob
from serve.engine.sampling import Sampler
from serve.engine.task import Task
from serve.engine.text import Detokenizer, StopScanner


@dataclass(frozen=True, slots=True)
class Codec:
    """What a row needs of the tokenizer."""

    decode: Callable[[Sequence[int]], str]
    end_tokens: frozenset[int]
    piece: Callable[[int], bytes]


@dataclass(slots=True, eq=False)
class Row:
    """Takes tokens and gives the chunks they make visible."""

    request: GenerationRequest
    prompt_ids: tuple[int, ...]
    codec: Codec
    tokens: int = 0
    finish: FinishReason | None = None
    task: Task = field(init=False)
    sampler: Sampler = field(init=False)
    _text: Detokenizer = field(init=False)
    _stop: StopScanner = field(init=False)

    def __post_init__(self) -> None:
        self.task = Task(self.request.adapter, list(self.prompt_ids))
        self.sampler = Sampler(self.request.sampling)
        self._text = Detokenizer(self.codec.decode)
        self._stop = StopScanner(self.request.sampling.stop)

    def accept(self, token: int, logprob: TokenLogprob | None = None) -> GenerationChunk:
        """Take the next token; returns the text it makes visible."""
        self.tokens += 1
        self.task.ids.append(token)
        ends = token in self.codec.end_tokens
        ended = ends and not self.request.sampling.ignore_eos
        text = "" if ended else self._stop.push(self._text.push(token))
        if ended or self._stop.stopped:
            self.finish = "stop"
        elif self.tokens >= self.request.sampling.max_tokens:
            self.finish = "length"
        if self.finish and not self._stop.stopped:
            text += self._stop.push(self._text.flush())
        if self.finish and not self._stop.stopped:
            text += self._stop.flush()
        return self.chunk(text, (token,), () if logprob is None else (logprob,))

    def chunk(
        self, text: str, token_ids: tuple[int, ...], logprobs: tuple[TokenLogprob, ...] = ()
    ) -> GenerationChunk:
        """A chunk with the row's counts."""
        return GenerationChunk(
            text,
            token_ids,
            self.finish,
            len(self.prompt_ids),
            self.tokens,
            self.task.cached,
            logprobs,
        )
