"""What HTTP and Ray Serve cost beside the engine: python -m tests.bench.gateway [--streams 16] [--pairs 5]

`openbook serve` in processes of its own, and the same engine with the same settings in this one, take turns
at the same chats (same model, prompt, seed: the same tokens). Told are throughput at `--streams` streams,
the time to the first token of a chat alone, and the processor time that a token takes on its way: in the
generator beside its engine's threads (the busiest), in the gateway and in Serve's proxy. Wants a quiet
machine; the one that is not asked is idle. `--threads` are those of either engine; without it they are what
`openbook serve` takes. `--tiny` serves a model whose tokens cost nothing, to see the way alone.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import httpx
import psutil
from transformers import AutoTokenizer

from cluster.models import base_model_path
from cluster.prompts import render
from cluster.settings import ModelSettings, ServeSettings, Settings
from serve.engine.builtin import open_engine
from serve.engine.protocol import GenerationRequest, SamplingParams
from tests.bench.measure import cost_of, report
from tests.serve.live import Server, run_server
from tests.serve.tiny import save_tiny_model

_WORDS = (
    "lamp", "bolt", "shelf", "glow", "amber", "reset", "cable", "bridge", "garland", "quiet", "ring",
    "pinhole", "dock", "alarm",
)  # fmt: skip
_TEMPERATURE, _SEED = 0.7, 11
_HOPS = {
    "generator": "ServeReplica:openbook:Generator",
    "gateway": "ServeReplica:openbook:Gateway",
    "proxy": "ray::ProxyActor",
}


@dataclass
class Count:
    """What one round brought: tokens, and the seconds to each chat's first."""

    tokens: int
    first_s: list[float]


class Direct:
    """The engine in this process."""

    def __init__(self, settings: Settings) -> None:
        self._engine = open_engine(settings)

    async def start(self) -> None:
        await self._engine.start()

    async def chat(self, question: str, tokens: int) -> tuple[int, float]:
        """Tokens, and seconds to the first one."""
        params = SamplingParams(tokens, _TEMPERATURE, 1.0, (), _SEED)
        asked = GenerationRequest("bench", tuple(render(question, ())), None, params)
        begin, first, count = time.perf_counter(), 0.0, 0
        async for chunk in self._engine.generate(asked):
            count = chunk.completion_tokens
            first = first or (time.perf_counter() - begin if chunk.token_ids else 0.0)
        return count, first


class Served:
    """The engine behind gateway and proxy."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def chat(self, question: str, tokens: int) -> tuple[int, float]:
        """Tokens, and seconds to the first text."""
        body = {
            "model": "base", "messages": [{"role": "user", "content": question}], "stream": True,
            "max_tokens": tokens, "temperature": _TEMPERATURE, "seed": _SEED,
            "stream_options": {"include_usage": True}, "rag": {"mode": "off"},
        }  # fmt: skip
        begin, first, usage = time.perf_counter(), 0.0, 0
        async with self._client.stream("POST", "/v1/chat/completions", json=body) as reply:
            reply.raise_for_status()
            async for line in reply.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line[6:])
                if event.get("usage"):
                    usage = event["usage"]["completion_tokens"]
                elif not first and event["choices"][0]["delta"].get("content"):
                    first = time.perf_counter() - begin
        return usage, first


def questions(count: int, words: int) -> list[str]:
    """Different questions of the same length."""
    return [
        " ".join(_WORDS[(n * 5 + place * (n + 3)) % len(_WORDS)] for place in range(words))
        for n in range(count)
    ]


class Bench:
    """Both ways side by side; no way gets a prompt twice, so that no prefix is known."""

    def __init__(self, options: argparse.Namespace, direct: Direct, served: Served) -> None:
        self._options = options
        self._ways = {"direct": direct, "served": served}

    async def many(self, way: str, round_: int) -> Count:
        """All streams at once."""
        asked = questions(self._options.streams, self._options.words)
        chats = (self._chat(way, f"{round_} {text}") for text in asked)
        return _count(await asyncio.gather(*chats))

    async def single(self, way: str, round_: int) -> Count:
        """One chat after another."""
        asked = questions(8, self._options.words)
        return _count([await self._chat(way, f"{round_}x {text}") for text in asked])

    def _chat(self, way: str, text: str) -> Coroutine[Any, Any, tuple[int, float]]:
        return self._ways[way].chat(text, self._options.tokens)


def _count(found: list[tuple[int, float]]) -> Count:
    return Count(sum(tokens for tokens, _ in found), [first for _, first in found])


def threads_of(pid: int) -> dict[tuple[str, int], float]:
    """Processor seconds of each thread of the processes that a token passes, as (hop, thread)."""
    found = {}
    for process in psutil.Process(pid).children(recursive=True):
        try:
            title, threads = " ".join(process.cmdline()), process.threads()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        for hop in (hop for hop, name in _HOPS.items() if name in title):
            found |= {(hop, one.id): one.user_time + one.system_time for one in threads}
    return found


def passing(
    before: Mapping[tuple[str, int], float], after: Mapping[tuple[str, int], float], engine: int
) -> dict[str, float]:
    """Hop -> processor seconds between the two; without the `engine` busiest threads of the generator."""
    spent = {thread: seconds - before.get(thread, 0.0) for thread, seconds in after.items()}
    busiest = sorted((t for t in spent if t[0] == "generator"), key=spent.__getitem__)[-engine:]
    return {
        hop: sum(spent[thread] for thread in spent if thread[0] == hop and thread not in busiest)
        for hop in _HOPS
    }


async def measure(options: argparse.Namespace, server: Server, direct: Direct) -> dict[str, Any]:
    """All rounds."""
    await direct.start()
    limits = httpx.Limits(max_connections=options.streams)
    async with httpx.AsyncClient(base_url=server.url, timeout=600, limits=limits) as client:
        bench = Bench(options, direct, Served(client))
        for way in ("served", "direct"):
            await bench.many(way, 0)
        throughput = await _throughput(bench, options, server.pid)
        first = await _first_token(bench, options.pairs)
    return {**throughput, **first}


async def _throughput(bench: Bench, options: argparse.Namespace, pid: int) -> dict[str, Any]:
    ratios, same, speed = [], [], []
    hops: dict[str, list[float]] = {hop: [] for hop in _HOPS}
    engine = options.threads or len(os.sched_getaffinity(0))
    for pair in range(1, options.pairs + 1):
        order = ("direct", "served", "direct") if pair % 2 else ("served", "direct", "direct")
        found: dict[str, list[float]] = {"direct": [], "served": []}
        for way in order:
            before, begin = threads_of(pid), time.perf_counter()
            # the second time directly with other prompts: the first ones are known by then
            count = await bench.many(way, 2 * pair + len(found[way]))
            found[way].append(count.tokens / (time.perf_counter() - begin))
            if way == "served":
                for hop, seconds in passing(before, threads_of(pid), engine).items():
                    hops[hop].append(1e6 * seconds / count.tokens)
        ratios.append(found["served"][0] / found["direct"][0])
        same.append(found["direct"][1] / found["direct"][0])
        speed.append(found["served"][0])
    return {
        "served_to_direct_tokens_per_s": round(statistics.median(ratios), 3),
        "range": [round(min(ratios), 3), round(max(ratios), 3)],
        "same_arm_range": [round(min(same), 3), round(max(same), 3)],
        "served_tokens_per_s": round(statistics.median(speed), 1),
        "cpu_us_per_token": {hop: round(statistics.median(us)) for hop, us in hops.items()},
    }


async def _first_token(bench: Bench, pairs: int) -> dict[str, Any]:
    found: dict[str, list[float]] = {"direct": [], "served": []}
    for pair in range(pairs):
        for way in ("direct", "served") if pair % 2 else ("served", "direct"):
            found[way] += (await bench.single(way, pair)).first_s
    medians = {way: statistics.median(times) for way, times in found.items()}
    return {
        "first_token_ms": {way: round(1000 * value, 1) for way, value in medians.items()},
        "first_token_added_ms": round(1000 * (medians["served"] - medians["direct"]), 1),
    }


@contextmanager
def running(home: Path, model: str, options: argparse.Namespace) -> Iterator[Server]:
    """`openbook serve` with the engine of these options."""
    engine = {f"ENGINE__{name.upper()}": str(value) for name, value in _engine(options).items()}
    limits = {"GENERATOR__MAX_ONGOING_REQUESTS": "64", "GENERATOR__MAX_REPLICAS": "1"}
    yield from run_server(home, model, {**engine, **limits})


def _engine(options: argparse.Namespace) -> dict[str, int]:
    engine = {"max_batch": options.streams, "context_tokens": 1024}
    return engine | ({"threads": options.threads} if options.threads else {})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name, default in (
        ("streams", 16), ("words", 96), ("tokens", 32), ("pairs", 5), ("threads", 0),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    serve = ServeSettings.model_validate({"engine": _engine(options)})
    with tempfile.TemporaryDirectory() as folder:
        home, model = Path(folder), base_model_path(Settings())
        if options.tiny:
            model = save_tiny_model(AutoTokenizer.from_pretrained(model), home / "tiny")
        models = ModelSettings(base=model, dtype="float32")
        settings = Settings(home=home, models=models, serve=serve)
        with running(home, model, options) as server:
            results: dict[str, Any] = {}
            cost = cost_of(
                lambda: results.update(asyncio.run(measure(options, server, Direct(settings))))
            )
    report("gateway", {"options": vars(options), **results, "seconds": round(cost.wall_s)})


if __name__ == "__main__":
    main()
