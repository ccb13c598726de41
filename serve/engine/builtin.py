"""The built-in engine: torch and transformers, requests of all adapters in one running batch.

This file is its front on the event loop: it checks requests, streams their chunks and loads
adapters, whose files are read on a thread of their own. Everything else happens on the model's
thread, see `worker`. What that costs: an event loop that is kept busy delays chunks, never steps.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from transformers import AutoTokenizer

from cluster.errors import ConflictError, NotFoundError, UnavailableError
from cluster.models import base_model_path, torch_dtype
from cluster.prompts import Message
from cluster.settings import Settings
from serve.engine.packed_model import ModelConfig, PackedModel
from serve.engine.pieces import Pieces
from serve.engine.prompt import check_prompt, encode_messages
from serve.engine.protocol import EngineStats, GenerationChunk, GenerationRequest
from serve.engine.row import Codec, Row
from serve.engine.runner import StepRunner
from serve.engine.scheduler import Scheduler
from serve.engine.slots import Slots
from serve.engine.stream import Stream
from serve.engine.worker import News, Worker
from serve.scaling import engine_threads

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class BuiltinConfig:
    """`max_batch` requests run together, `prefix_slots` more keep what others computed.

    A step computes `step_tokens` at most. A model that took a step within `probe_s` is alive; a probe
    may take as long.
    """

    model: ModelConfig
    max_batch: int
    prefix_slots: int
    step_tokens: int
    context_tokens: int
    probe_s: float


class BuiltinEngine:
    """See `serve.engine.protocol.Engine`."""

    def __init__(self, config: BuiltinConfig) -> None:
        self._config = config
        self._model: PackedModel | None = None
        self._slots = Slots(config.max_batch + config.prefix_slots)
        self._scheduler = Scheduler(self._slots, config.max_batch, config.step_tokens)
        self._worker: Worker | None = None
        self._tokenizer: Any = None
        self._codec = Codec(lambda ids: "", frozenset(), lambda token: b"")
        self._adapters: set[str] = set()
        self._streams: dict[Row, Stream] = {}
        self._counts = dict.fromkeys(
            (
                "finished", "cancelled", "failed", "prompt_tokens", "completion_tokens",
                "cached_tokens",
            ),
            0,
        )  # fmt: skip

    @property
    def context_tokens(self) -> int:
        """The setting, or less when the model was built for less."""
        window = self._loaded().window
        return min(self._config.context_tokens, window or self._config.context_tokens)

    async def start(self) -> None:
        """Load weights and tokenizer, reserve memory, start the model's thread."""
        if self._worker is not None:
            return
        loop = asyncio.get_running_loop()
        runner = await _apart(self._load)

        def deliver(news: Sequence[News]) -> None:
            loop.call_soon_threadsafe(self._receive, news)

        self._worker = Worker(runner, self._scheduler, deliver)
        self._worker.start()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationChunk, None]:
        """See the protocol; chunks that pile up while the caller is busy come as one."""
        row = Row(request, self._prompt_ids(request), self._codec)
        admitted = row.chunk("", ())  # before the model's thread may add to the row
        stream = self._streams[row] = Stream(row)
        self._running().submit(row)
        try:
            yield admitted
            finish = None
            while finish is None:
                chunk = await stream.take()
                finish = chunk.finish_reason
                yield chunk
        finally:
            self._leave(stream)

    async def load_adapter(self, name: str, path: Path) -> None:
        """Its files are read beside the running steps; it is there from the next step on."""
        if name in self._adapters:
            return
        model = self._loaded()
        adapter = await _apart(lambda: model.read_adapter(name, path))
        await asyncio.wrap_future(self._running().call(lambda: model.bank.add(name, adapter)))
        self._adapters.add(name)

    async def unload_adapter(self, name: str) -> None:
        """ConflictError while a request uses it."""
        if any(row.request.adapter == name for row in self._streams):
            raise ConflictError(f"adapter {name!r} is in use; unload it when its requests are done")
        self._adapters.discard(name)
        model = self._loaded()

        def forget() -> None:
            self._slots.forget(name)
            model.bank.remove(name)

        await asyncio.wrap_future(self._running().call(forget))

    def adapters(self) -> list[str]:
        """Names of the loaded adapters, sorted."""
        return sorted(self._adapters)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Prompt tokens that these messages become."""
        return len(encode_messages(self._tokenizer, messages))

    def stats(self) -> EngineStats:
        """A snapshot."""
        started = sum(row.task.slot >= 0 for row in self._streams)
        counts = self._running().counts
        return EngineStats(
            started,
            len(self._streams) - started,
            adapters=tuple(self.adapters()),
            prefill_tokens=counts.prefill_tokens,
            steps=counts.steps,
            **self._counts,
        )

    async def check(self) -> None:
        """Run one token through the model, unless a step just ended."""
        limit_s, worker = self._config.probe_s, self._running()
        if self._streams and time.monotonic() - worker.counts.last_step < limit_s:
            return
        try:
            await asyncio.wait_for(asyncio.wrap_future(worker.call(self._loaded().probe)), limit_s)
        except (RuntimeError, TimeoutError) as error:
            raise UnavailableError(
                f"the engine did not run one token within {limit_s:g} s: {error!r}"
            ) from error

    async def close(self) -> None:
        """Fail what runs or waits and free the model."""
        for stream in list(self._streams.values()):
            self._fail(stream, UnavailableError("the engine is closing"))
        if self._worker is not None:
            await asyncio.to_thread(self._worker.close)
        self._worker = self._model = None

    def _receive(self, news: Sequence[News]) -> None:
        for row, what in news:
            stream = self._streams.get(row)
            if stream is None:
                continue  # its caller left meanwhile
            if isinstance(what, Exception):
                self._fail(stream, UnavailableError(f"generation failed: {what!r}"))
            else:
                self._count(what)
                stream.put(what)

    def _count(self, chunk: GenerationChunk) -> None:
        self._counts["completion_tokens"] += len(chunk.token_ids)
        if chunk.completion_tokens == 1:
            self._counts["prompt_tokens"] += chunk.prompt_tokens
            self._counts["cached_tokens"] += chunk.cached_tokens
        if chunk.finish_reason:
            self._counts["finished"] += 1

    def _fail(self, stream: Stream, error: Exception) -> None:
        self._counts["failed"] += 1
        stream.row.task.cancelled = True
        del self._streams[stream.row]
        stream.fail(error)

    def _leave(self, stream: Stream) -> None:
        # a row that is finished but whose last chunk is still on its way was cancelled, too
        if self._streams.pop(stream.row, None) is None or stream.ended:
            return
        stream.row.task.cancelled = True
        self._counts["cancelled"] += 1
        if self._worker is not None:
            self._worker.wake()

    def _prompt_ids(self, request: GenerationRequest) -> tuple[int, ...]:
        if request.adapter is not None and request.adapter not in self._adapters:
            raise NotFoundError(f"adapter {request.adapter!r} is not loaded in this engine")
        ids = request.prompt_ids or encode_messages(self._tokenizer, request.messages)
        vocabulary = self._loaded().vocabulary
        check_prompt(ids, request.sampling.max_tokens, self.context_tokens, vocabulary)
        return ids

    def _load(self) -> StepRunner:
        self._tokenizer = AutoTokenizer.from_pretrained(self._config.model.path)
        self._model = model = PackedModel(self._config.model)
        ends = model.end_tokens | {self._tokenizer.eos_token_id}
        self._codec = Codec(self._decode, frozenset(ends - {None}), Pieces(self._tokenizer))
        return StepRunner(model, self._slots.count, self.context_tokens)

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def _loaded(self) -> PackedModel:
        if self._model is None:
            raise UnavailableError("the engine is not started")
        return self._model

    def _running(self) -> Worker:
        if self._worker is None:
            raise UnavailableError("the engine is not started")
        return self._worker


async def _apart(work: Callable[[], _Result]) -> _Result:
    """Done in a thread that ends with it.

    A thread that stays keeps threads of OpenMP's, and as soon as there are more of them than processors
    they sleep between two products instead of waiting awake: the model's own steps took a third longer.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="engine-files")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
    finally:
        thread.shutdown(wait=False)


def open_engine(settings: Settings) -> BuiltinEngine:
    """The engine that the settings describe; `start` loads the model."""
    serve, on_gpu = settings.serve, settings.serve.generator.num_gpus > 0
    engine = serve.engine
    model = ModelConfig(
        path=base_model_path(settings),
        dtype=torch_dtype(settings.models, on_gpu),
        device="cuda" if on_gpu else "cpu",
        threads=engine_threads(serve),
        hot_ranks=engine.hot_ranks,
    )
    config = BuiltinConfig(
        model,
        engine.max_batch,
        engine.prefix_slots,
        engine.step_tokens,
        engine.context_tokens,
        engine.probe_s,
    )
    return BuiltinEngine(config)
