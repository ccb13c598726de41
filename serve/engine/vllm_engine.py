"""The vLLM engine: vLLM generates in a process of its own, with many adapters in one batch.

This file is the protocol over vLLM's `AsyncLLM`: prompts go in as token ids, so that they are the
same as the built-in engine's; adapters are checked here first, by the same rules. vLLM keeps keys
and values in pages, so `max_batch` bounds requests, not memory: on a GPU the pages take what
`gpu_memory_share` leaves. vLLM is imported when the engine starts, not before.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from cluster.errors import ConflictError, NotFoundError, OpenbookError, UnavailableError
from cluster.models import base_model_path, torch_dtype
from cluster.prompts import Message
from cluster.settings import Settings
from serve.engine.blueprint import Blueprint
from serve.engine.pieces import Pieces
from serve.engine.prompt import check_prompt, encode_messages
from serve.engine.protocol import EngineStats, GenerationChunk, GenerationRequest
from serve.engine.vllm_calls import Live, engine_errors, sampling_params
from serve.engine.vllm_setup import VllmEngineConfig, engine_arguments, set_environment
from serve.scaling import engine_threads

_POLL_S = 1.0  # how often a call that waits for vLLM's process looks whether that is alive


class VllmEngine:
    """See `serve.engine.protocol.Engine`."""

    def __init__(self, config: VllmEngineConfig) -> None:
        self._config = config
        self._llm: Any = None
        self._tokenizer: Any = None
        self._piece: Any = None
        self._blueprint: Blueprint | None = None
        self._closing = False
        self._last_output = 0.0
        # vLLM knows adapters by numbers and caches by them: a number never gets a second adapter
        self._numbers: dict[str, int] = {}
        self._adapters: dict[str, Any] = {}
        self._live: set[Live] = set()
        self._counts = dict.fromkeys(
            (
                "finished", "cancelled", "failed", "prompt_tokens", "completion_tokens",
                "cached_tokens", "prefill_tokens",
            ),
            0,
        )  # fmt: skip

    @property
    def context_tokens(self) -> int:
        """The setting, or less when the model was built for less."""
        return int(self._running().model_config.max_model_len)

    async def start(self) -> None:
        """Start vLLM's process and wait for its model; UnavailableError when it does not come up."""
        if self._llm is not None:
            return
        set_environment(self._config)
        try:
            self._llm = await asyncio.to_thread(self._open)
            # vLLM asks its process for these on the first request; asked here, no request waits
            await self._answer(self._llm.get_supported_tasks())
        except (RuntimeError, ValueError) as error:
            raise UnavailableError(f"vLLM did not start, its log says why: {error}") from error

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationChunk, None]:
        """See the protocol; tokens that pile up while the caller is busy come as one chunk."""
        llm, ids = self._running(), self._prompt_ids(request)
        with engine_errors(lambda: self._closing):
            params = sampling_params(request.sampling)
            live = Live(request, len(ids), self._piece)
            self._live.add(live)
            try:
                yield live.chunk("", ())
                lora = None if request.adapter is None else self._adapters[request.adapter]
                prompt = {"prompt_token_ids": list(ids)}
                stream = llm.generate(prompt, params, request.request_id, lora_request=lora)
                async with aclosing(stream) as outputs:
                    async for output in outputs:
                        yield self._accept(live, output)
            except BaseException as error:
                live.failed = not isinstance(error, asyncio.CancelledError | GeneratorExit)
                raise
            finally:
                self._leave(live)

    async def load_adapter(self, name: str, path: Path) -> None:
        """Checked here, then read once more by vLLM; requests that run go on."""
        if name in self._adapters:
            return
        from vllm.lora.request import LoRARequest

        llm, blueprint = self._running(), self._blueprint
        assert blueprint is not None, "known since the start"
        adapter = await asyncio.to_thread(blueprint.read_adapter, name, path)
        limit = self._config.max_rank
        if adapter.rank > limit:
            raise ConflictError(
                f"adapter {name!r} has rank {adapter.rank}, this server takes up to {limit}; raise "
                f"serve.engine.max_rank or train it with a lower rank"
            )
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        lora = LoRARequest(name, number, str(path.absolute()))
        try:
            await self._answer(llm.add_lora(lora))
        except OpenbookError:
            raise
        except Exception as error:  # what vLLM's process reports has no type of its own
            raise ConflictError(f"vLLM refuses adapter {name!r}: {error}") from error
        self._adapters[name] = lora

    async def unload_adapter(self, name: str) -> None:
        """ConflictError while a request uses it."""
        if any(live.request.adapter == name for live in self._live):
            raise ConflictError(f"adapter {name!r} is in use; unload it when its requests are done")
        if self._adapters.pop(name, None) is not None:
            await self._answer(self._running().remove_lora(self._numbers[name]))

    def adapters(self) -> list[str]:
        """Names of the loaded adapters, sorted."""
        return sorted(self._adapters)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Prompt tokens that these messages become."""
        return len(encode_messages(self._tokenizer, messages))

    def stats(self) -> EngineStats:
        """A snapshot. vLLM counts its forward passes for itself: `steps` stays 0."""
        running = sum(live.tokens > 0 for live in self._live)
        return EngineStats(
            running, len(self._live) - running, adapters=tuple(self.adapters()), **self._counts
        )

    async def check(self) -> None:
        """Ask vLLM, and run one token through the model unless one just came out."""
        limit_s, llm = self._config.probe_s, self._running()
        with engine_errors(lambda: self._closing):
            await llm.check_health()
            if self._live and time.monotonic() - self._last_output < limit_s:
                return
            try:
                await asyncio.wait_for(self._probe(llm), limit_s)
            except TimeoutError as error:
                raise UnavailableError(
                    f"vLLM did not run one token within {limit_s:g} s"
                ) from error

    async def close(self) -> None:
        """Fail what runs or waits and end vLLM's process."""
        llm, self._closing = self._llm, True
        if llm is None:
            return
        self._llm = None
        await llm.abort([live.request.request_id for live in self._live])
        await asyncio.to_thread(llm.shutdown)
        # those that were on their way to vLLM the first time; it tells nobody any more
        await llm.abort([live.request.request_id for live in self._live])

    async def _probe(self, llm: Any) -> None:
        from vllm import SamplingParams

        one = SamplingParams(max_tokens=1, temperature=0.0, detokenize=False)
        async with aclosing(llm.generate({"prompt_token_ids": [0]}, one, "probe")) as outputs:
            async for _ in outputs:
                self._last_output = time.monotonic()

    def _accept(self, live: Live, output: Any) -> GenerationChunk:
        first = live.tokens == 0
        chunk = live.accept(output)
        self._last_output = time.monotonic()
        self._counts["completion_tokens"] += len(chunk.token_ids)
        if first and chunk.token_ids:
            self._counts["prompt_tokens"] += chunk.prompt_tokens
            self._counts["cached_tokens"] += chunk.cached_tokens
            self._counts["prefill_tokens"] += chunk.prompt_tokens - chunk.cached_tokens
        return chunk

    def _leave(self, live: Live) -> None:
        self._live.discard(live)
        ended = "finished" if live.finish else "failed" if live.failed else "cancelled"
        self._counts[ended] += 1

    def _prompt_ids(self, request: GenerationRequest) -> tuple[int, ...]:
        if request.adapter is not None and request.adapter not in self._adapters:
            raise NotFoundError(f"adapter {request.adapter!r} is not loaded in this engine")
        ids = request.prompt_ids or encode_messages(self._tokenizer, request.messages)
        vocabulary = self._running().model_config.get_vocab_size()
        check_prompt(ids, request.sampling.max_tokens, self.context_tokens, vocabulary)
        return ids

    async def _answer(self, call: Coroutine[Any, Any, Any]) -> Any:
        """What vLLM's process answers; a process that died never does."""
        llm, task = self._running(), asyncio.ensure_future(call)
        with engine_errors(lambda: self._closing):
            while not (await asyncio.wait({task}, timeout=_POLL_S))[0]:
                if llm.errored:
                    task.cancel()
                    raise llm.dead_error
            return task.result()

    def _open(self) -> Any:
        from transformers import AutoTokenizer
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        self._tokenizer = AutoTokenizer.from_pretrained(self._config.path)
        self._piece = Pieces(self._tokenizer)
        self._blueprint = Blueprint(self._config.path)
        return AsyncLLM.from_engine_args(
            AsyncEngineArgs(**engine_arguments(self._config, self._blueprint))
        )

    def _running(self) -> Any:
        if self._llm is None:
            raise UnavailableError(
                "the engine is closing" if self._closing else "the engine is not started"
            )
        return self._llm


def open_engine(settings: Settings) -> VllmEngine:
    """The engine that the settings describe; `start` loads the model."""
    serve, gpus = settings.serve, settings.serve.generator.num_gpus
    engine = serve.engine
    return VllmEngine(
        VllmEngineConfig(
            path=base_model_path(settings),
            dtype=torch_dtype(settings.models, gpus > 0),
            gpus=max(1, int(gpus)) if gpus else 0,
            threads=engine_threads(serve),
            max_batch=engine.max_batch,
            prefix_slots=engine.prefix_slots,
            context_tokens=engine.context_tokens,
            max_adapters=engine.max_adapters,
            max_rank=engine.max_rank,
            gpu_memory_share=engine.gpu_memory_share,
            probe_s=engine.probe_s,
        )
    )
