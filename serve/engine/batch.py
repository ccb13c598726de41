"""One static micro-batch: rows for the same adapter, prefilled one by one, decoded together.

Rows are prefilled alone: no padding is computed, a row's first token leaves as soon as it exists,
and its numbers are those of a run of its own. For decoding the rows' caches are joined, aligned at
their last position; the mask hides the empty positions before shorter prompts. Rows that finish or
are cancelled are cut out of the cache when half of its rows are gone: cutting copies the rest.

B rows, T positions, S keys, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from serve.engine.adapted_model import AdaptedModel
from serve.engine.cache import join, keep_rows, new_cache
from serve.engine.protocol import FinishReason, GenerationChunk, GenerationRequest
from serve.engine.sampling import Sampler
from serve.engine.text import Detokenizer, StopScanner


@dataclass(frozen=True, slots=True)
class Codec:
    """What a row needs of the tokenizer."""

    decode: Callable[[Sequence[int]], str]
    end_tokens: frozenset[int]


@dataclass(slots=True)
class Row:
    """A request being generated; `cancelled` may be set from another thread at any time."""

    request: GenerationRequest
    prompt_ids: tuple[int, ...]
    codec: Codec
    tokens: int = 0
    last: int = 0
    finish: FinishReason | None = None
    cancelled: bool = False
    sampler: Sampler = field(init=False)
    _text: Detokenizer = field(init=False)
    _stop: StopScanner = field(init=False)

    def __post_init__(self) -> None:
        self.sampler = Sampler(self.request.sampling)
        self._text = Detokenizer(self.codec.decode)
        self._stop = StopScanner(self.request.sampling.stop)

    @property
    def done(self) -> bool:
        """Nothing more is to be generated."""
        return self.cancelled or self.finish is not None

    def accept(self, token: int) -> GenerationChunk:
        """Take the next token; returns the text it makes visible."""
        self.tokens += 1
        self.last = token
        ended = token in self.codec.end_tokens
        text = "" if ended else self._stop.push(self._text.push(token))
        if ended or self._stop.stopped:
            self.finish = "stop"
        elif self.tokens >= self.request.sampling.max_tokens:
            self.finish = "length"
        if self.finish and not self._stop.stopped:
            text += self._stop.push(self._text.flush())
        if self.finish and not self._stop.stopped:
            text += self._stop.flush()
        return self.chunk(text, (token,))

    def chunk(self, text: str, token_ids: tuple[int, ...]) -> GenerationChunk:
        """A chunk with the row's counts."""
        return GenerationChunk(text, token_ids, self.finish, len(self.prompt_ids), self.tokens)


Emitted = list[tuple[Row, GenerationChunk]]


class Batch:
    """Rows for one adapter from prefill to their last token; `step` is called until `done`."""

    def __init__(self, model: AdaptedModel, adapter: str | None) -> None:
        self._model = model
        self.adapter = adapter
        self._to_prefill: list[Row] = []
        self._prefilled: list[tuple[Row, Cache]] = []
        self._rows: list[Row] = []
        self._cache: Cache | None = None
        self._pads: list[int] = []

    @property
    def open(self) -> bool:
        """Rows may still be added: decoding has not begun."""
        return self._cache is None

    def add(self, row: Row) -> None:
        """A row for the batch's adapter, to be prefilled after those before it."""
        self._to_prefill.append(row)

    @property
    def done(self) -> bool:
        """No row has anything left to do."""
        return not self._to_prefill and not self._prefilled and all(r.done for r in self._rows)

    def step(self) -> Emitted:
        """Prefill one row, or decode one token of every row."""
        self._model.use(self.adapter)  # another adapter may have been loaded meanwhile
        if self._to_prefill:
            return self._prefill(self._to_prefill.pop(0))
        if self._cache is None:
            self._join()
        self._drop_finished()
        return self._decode() if not self.done else []

    def _prefill(self, row: Row) -> Emitted:
        if row.cancelled:
            return []
        cache = new_cache()
        ids_1T = self._tensor([list(row.prompt_ids)])
        positions_1T = torch.arange(ids_1T.shape[1], device=self._model.device)[None]
        logits_1V = self._model.logits(ids_1T, positions_1T, None, cache)
        chunk = row.accept(row.sampler.pick(logits_1V[0]))
        if not row.done:
            self._prefilled.append((row, cache))
        return [(row, chunk)]

    def _join(self) -> None:
        alive = [(row, cache) for row, cache in self._prefilled if not row.done]
        self._prefilled = []
        self._rows = [row for row, _ in alive]
        if not alive:
            return
        width = max(cache.get_seq_length() for _, cache in alive)
        self._pads = [width - cache.get_seq_length() for _, cache in alive]
        caches = [cache for _, cache in alive]
        self._cache = join(caches) if len(caches) > 1 else caches[0]

    def _drop_finished(self) -> None:
        alive = [i for i, row in enumerate(self._rows) if not row.done]
        if self._cache is None or not alive or len(alive) * 2 > len(self._rows):
            return
        trim = min(self._pads[i] for i in alive)
        self._cache = keep_rows(self._cache, alive, self._cache.get_seq_length() - trim)
        self._rows = [self._rows[i] for i in alive]
        self._pads = [self._pads[i] - trim for i in alive]

    def _decode(self) -> Emitted:
        assert self._cache is not None
        length = self._cache.get_seq_length()
        ids_B1 = self._tensor([[row.last] for row in self._rows])
        positions_B1 = self._tensor([[length - pad] for pad in self._pads])
        logits_BV = self._model.logits(ids_B1, positions_B1, self._mask(length + 1), self._cache)
        return [
            (row, row.accept(token))
            for row, token in zip(self._rows, self._pick(logits_BV), strict=True)
            if not row.done
        ]

    def _pick(self, logits_BV: Tensor) -> list[int]:
        if all(row.sampler.greedy for row in self._rows):
            return [int(token) for token in logits_BV.argmax(-1).tolist()]
        return [row.sampler.pick(logits_BV[i]) for i, row in enumerate(self._rows)]

    def _mask(self, length: int) -> Tensor | None:
        if not any(self._pads):
            return None
        offsets_S = torch.arange(length, device=self._model.device)
        return (offsets_S[None] >= self._tensor(self._pads)[:, None])[:, None, None]

    def _tensor(self, values: Sequence[object]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self._model.device)
