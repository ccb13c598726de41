"""The built-in engine: torch + transformers + peft, static micro-batches for one adapter each.

The scheduler is a task on the event loop; everything that touches the model runs on one thread, so
adapters are loaded between two steps of a batch and never under one. A batch takes the adapter of
the request that waits longest and all that wait for the same one, up to `max_batch`; it takes in
more until its first decode step, later ones wait for the next batch. What that costs: a short
request waits for a long batch.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cluster.errors import ConflictError, NotFoundError, UnavailableError, UsageError
from cluster.models import base_model_path, torch_dtype
from cluster.prompts import Message
from cluster.settings import Settings
from serve.engine.adapted_model import AdaptedModel, ModelConfig
from serve.engine.batch import Batch, Codec, Row
from serve.engine.protocol import EngineStats, GenerationChunk, GenerationRequest
from serve.engine.stream import Stream
from serve.scaling import engine_threads

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class TransformersConfig:
    """`probe_s`: a model that took a step this recently is alive; a probe may take as long."""

    model: ModelConfig
    max_batch: int
    context_tokens: int
    probe_s: float


class TransformersEngine:
    """See `serve.engine.protocol.Engine`."""

    def __init__(self, config: TransformersConfig) -> None:
        self._config = config
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._model: AdaptedModel | None = None
        self._tokenizer: Any = None
        self._codec = Codec(lambda ids: "", frozenset())
        self._adapters: set[str] = set()
        self._waiting: deque[Stream] = deque()
        self._running: list[Stream] = []
        self._work = asyncio.Event()
        self._scheduler: asyncio.Task[None] | None = None
        self._last_step = 0.0
        self._counts = dict.fromkeys(
            ("finished", "cancelled", "failed", "prompt_tokens", "completion_tokens"), 0
        )

    @property
    def context_tokens(self) -> int:
        """The setting, or less when the model was built for less."""
        config = self._loaded().config
        windows = [getattr(config, "max_position_embeddings", None)]
        if getattr(config, "use_sliding_window", True):
            windows.append(getattr(config, "sliding_window", None))
        return min([self._config.context_tokens, *(w for w in windows if w)])

    async def start(self) -> None:
        """Load weights and tokenizer, start scheduling."""
        if self._scheduler is None:
            await self._on_thread(self._load)
            self._scheduler = asyncio.create_task(self._schedule(), name="engine scheduler")

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationChunk, None]:
        """See the protocol; chunks that pile up while the caller is busy come as one."""
        stream = Stream(Row(request, self._prompt_ids(request), self._codec))
        self._waiting.append(stream)
        self._work.set()
        try:
            yield stream.row.chunk("", ())
            finish = None
            while finish is None:
                chunk = await stream.take()
                finish = chunk.finish_reason
                yield chunk
        finally:
            self._leave(stream)

    async def load_adapter(self, name: str, path: Path) -> None:
        """Between two steps; running requests go on."""
        await self._on_thread(self._loaded().load, name, path)
        self._adapters.add(name)

    async def unload_adapter(self, name: str) -> None:
        """ConflictError while a request uses it."""
        if any(s.row.request.adapter == name for s in (*self._running, *self._waiting)):
            raise ConflictError(f"adapter {name!r} is in use; unload it when its requests are done")
        self._adapters.discard(name)
        await self._on_thread(self._loaded().unload, name)

    def adapters(self) -> list[str]:
        """Names of the loaded adapters, sorted."""
        return sorted(self._adapters)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Prompt tokens that these messages become."""
        return len(self._encode(messages))

    def stats(self) -> EngineStats:
        """A snapshot."""
        running = sum(not s.row.done for s in self._running)
        return EngineStats(
            running, len(self._waiting), adapters=tuple(self.adapters()), **self._counts
        )

    async def check(self) -> None:
        """Run one token through the model, unless a step just ended."""
        if time.monotonic() - self._last_step < self._config.probe_s and self._running:
            return
        try:
            await asyncio.wait_for(self._on_thread(self._loaded().probe), self._config.probe_s)
        except (RuntimeError, TimeoutError) as error:
            raise UnavailableError(
                f"the engine did not run one token within {self._config.probe_s:g} s: {error!r}"
            ) from error

    async def close(self) -> None:
        """Fail what runs or waits and free the model."""
        if self._scheduler is not None:
            self._scheduler.cancel()
            await asyncio.wait([self._scheduler])
        self._fail([*self._running, *self._waiting], UnavailableError("the engine is closing"))
        self._waiting.clear()
        self._running, self._model = [], None
        self._thread.shutdown(wait=True)

    async def _schedule(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                batch = Batch(self._loaded(), self._waiting[0].row.request.adapter)
                self._admit(batch)
                try:
                    await self._run(batch)
                except Exception as error:
                    logger.exception("a batch failed")
                    self._fail(self._running, UnavailableError(f"generation failed: {error!r}"))
                self._running = []

    async def _run(self, batch: Batch) -> None:
        while not batch.done:
            if batch.open:
                self._admit(batch)
            emitted = await self._on_thread(batch.step)
            self._last_step = time.monotonic()
            streams = {id(stream.row): stream for stream in self._running}
            for row, chunk in emitted:
                self._count(row, chunk)
                streams[id(row)].put(chunk)

    def _admit(self, batch: Batch) -> None:
        """Add waiting requests for the batch's adapter, the oldest first."""
        same = [s for s in self._waiting if s.row.request.adapter == batch.adapter]
        for stream in same[: self._config.max_batch - len(self._running)]:
            self._waiting.remove(stream)
            self._running.append(stream)
            batch.add(stream.row)

    def _count(self, row: Row, chunk: GenerationChunk) -> None:
        self._counts["completion_tokens"] += len(chunk.token_ids)
        if row.tokens == 1:
            self._counts["prompt_tokens"] += chunk.prompt_tokens
        if chunk.finish_reason:
            self._counts["finished"] += 1

    def _fail(self, streams: Sequence[Stream], error: Exception) -> None:
        for stream in streams:
            if not stream.row.done:
                stream.row.cancelled = True
                self._counts["failed"] += 1
                stream.fail(error)

    def _leave(self, stream: Stream) -> None:
        if stream in self._waiting:
            self._waiting.remove(stream)
        if not stream.row.done:
            stream.row.cancelled = True
            self._counts["cancelled"] += 1

    def _prompt_ids(self, request: GenerationRequest) -> tuple[int, ...]:
        if request.adapter is not None and request.adapter not in self._adapters:
            raise NotFoundError(f"adapter {request.adapter!r} is not loaded in this engine")
        ids = request.prompt_ids or tuple(self._encode(request.messages))
        needed = len(ids) + request.sampling.max_tokens
        if needed > self.context_tokens:
            raise UsageError(
                f"the prompt has {len(ids)} tokens and max_tokens is {request.sampling.max_tokens}: "
                f"together more than the context of {self.context_tokens}; shorten one of them"
            )
        return ids

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        text = self._tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=True
        )
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def _load(self) -> None:
        from transformers import AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(self._config.model.path)
        self._model = AdaptedModel(self._config.model)
        ends = self._model.end_tokens | {self._tokenizer.eos_token_id}
        self._codec = Codec(self._decode, frozenset(ends - {None}))

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def _loaded(self) -> AdaptedModel:
        if self._model is None:
            raise UnavailableError("the engine is not started")
        return self._model

    async def _on_thread(self, call: Callable[..., Result], *args: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)


def open_engine(settings: Settings) -> TransformersEngine:
    """The engine that the settings describe; `start` loads the model."""
    serve, on_gpu = settings.serve, settings.serve.generator.num_gpus > 0
    model = ModelConfig(
        path=base_model_path(settings.models, settings.home),
        dtype=torch_dtype(settings.models, on_gpu),
        device="cuda" if on_gpu else "cpu",
        threads=engine_threads(serve),
    )
    engine = serve.engine
    return TransformersEngine(
        TransformersConfig(model, engine.max_batch, engine.context_tokens, engine.probe_s)
    )
