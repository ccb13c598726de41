"""The built-in engine against its parts and peers: JSON on stdout, ratios of one run only.

    python -m tests.bench.engine [--layers 6] [--threads 1] [--pairs 3] [--only prefix,hot_load]

SmolLM2-135M (or its first layers), requests round-robin over random rank-16 adapters on all linears,
random prompts, greedy, fixed lengths (`--spread 0.8`: from 0.2 to 1.8 times as long). Peers: peft with
`adapter_names`, peft switching adapters, transformers' continuous batching (base model only: it knows
no adapters; it generates the longest length for all). Ratios count processor time. With `--vllm PYTHON`, of
an environment that has vLLM for the CPU (`make test-vllm` makes one), vLLM is a peer too, by wall time.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cluster.models import base_model_path
from cluster.settings import Settings
from serve.engine.builtin import BuiltinConfig, BuiltinEngine
from serve.engine.packed_model import ModelConfig
from serve.engine.protocol import GenerationRequest, SamplingParams
from tests.bench import engine_peers, engine_steps
from tests.bench.engine_vllm import Peer
from tests.bench.measure import cost_of, paired, report
from tests.serve.tiny import LINEARS, save_adapter


@dataclass(frozen=True, slots=True)
class Load:
    """`requests` with `prompt` tokens and `tokens` generated, give or take `spread` of them."""

    requests: int
    prompt: int
    tokens: int
    spread: float

    def lengths(self, middle: int) -> list[int]:
        """Of all requests, in an order that keeps long ones apart."""
        last = max(1, self.requests - 1)
        places = [(i * 7) % self.requests / last for i in range(self.requests)]
        return [round(middle * (1 + self.spread * (2 * place - 1))) for place in places]


class Bench:
    """One model on disk, its adapters, one running engine."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.load = Load(options.requests, options.prompt, options.tokens, options.spread)
        self.path = cut_model(options.layers, folder / "model")
        self.adapters = [
            save_adapter(self.path, folder / f"adapter-{i}", 16, LINEARS, seed=i, scale=0.02)
            for i in range(5)
        ]
        self.prompts = prompts(self.load)
        self.tokens = self.load.lengths(self.load.tokens)[::-1]
        self.loop = asyncio.new_event_loop()
        self.model = model = ModelConfig(self.path, options.dtype, "cpu", options.threads, 128)
        config = BuiltinConfig(model, self.load.requests, 2, options.step_tokens, 1024, 60.0)
        self.engine = BuiltinEngine(config)
        self.do(self.engine.start())

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def register(self, count: int) -> None:
        """Adapters `a0`, `a1`, ...; the files of the first four again and again."""
        for i in range(count):
            self.do(self.engine.load_adapter(f"a{i}", self.adapters[i % 4]))

    def serve(self, adapters: int, tokens: int | None = None) -> None:
        """All requests at once; fresh prompts, so that no prefix is known.

        With `tokens` each generates so many instead of its own number.
        """
        names = [f"a{i % adapters}" if adapters else None for i in range(self.load.requests)]
        fresh = prompts(self.load, seed=int.from_bytes(os.urandom(4)))
        counts = [tokens or own for own in self.tokens]
        requests = zip(fresh, names, counts, strict=True)

        async def all_of_them() -> None:
            await asyncio.gather(*(self.collect(*request) for request in requests))

        self.do(all_of_them())

    async def collect(self, ids: list[int], adapter: str | None, tokens: int) -> list[float]:
        """Generate; the loop's time at each chunk."""
        params = SamplingParams(tokens, 0.0, 1.0, (), 0, ignore_eos=True)
        request = GenerationRequest("bench", (), adapter, params, tuple(ids))
        return [self.loop.time() async for _ in self.engine.generate(request)]


def mixed(bench: Bench) -> dict[str, Any]:
    """L1: four adapters in one batch against the same engine without."""
    return paired(lambda: bench.serve(4), lambda: bench.serve(0), bench.options.pairs)


def peft_names(bench: Bench) -> dict[str, Any]:
    """L2: one padded batch with peft's `adapter_names`."""
    peer = engine_peers.peft_names(bench.path, bench.adapters[:4], bench.prompts, bench.tokens)
    return paired(peer, lambda: bench.serve(4), bench.options.pairs)


def peft_switch(bench: Bench) -> dict[str, Any]:
    """L3: each request alone after `set_adapter`."""
    peer = engine_peers.peft_switch(bench.path, bench.adapters[:4], bench.prompts, bench.tokens)
    return paired(peer, lambda: bench.serve(4), bench.options.pairs)


def generate_batch(bench: Bench) -> dict[str, Any]:
    """L6: the base model in transformers' continuous batching."""
    peer = engine_peers.generate_batch(bench.path, bench.prompts, bench.tokens)
    return paired(peer, lambda: bench.serve(0), bench.options.pairs)


def vllm_base(bench: Bench) -> dict[str, Any]:
    """L6: vLLM without adapters, compiled."""
    return _vllm(bench, 0)


def vllm_mixed(bench: Bench) -> dict[str, Any]:
    """L6: vLLM with four adapters in one batch."""
    return _vllm(bench, 4)


def _vllm(bench: Bench, adapters: int) -> dict[str, Any]:
    options = bench.options
    asked = {
        name: vars(options)[name] for name in ("dtype", "requests", "prompt", "tokens", "threads")
    }
    peer = Peer(options.vllm, bench.path, asked, bench.adapters[:adapters])
    try:
        found = paired(peer, lambda: bench.serve(adapters), options.pairs, "wall_s")
        parts = {"vllm": _split(peer, options.tokens),
                 "ours": _split(lambda tokens: bench.serve(adapters, tokens), options.tokens)}  # fmt: skip
    finally:
        peer.close()
    return {**found, "parts": parts}


def _split(run: Callable[[int], None], tokens: int) -> dict[str, float]:
    """Seconds for all prompts and their first tokens, and milliseconds of each step after that."""
    first, whole = (engine_steps.best(lambda n=n: run(n), 2).wall_s for n in (1, tokens))
    return {
        "prompts_s": round(first, 2),
        "decode_step_ms": round((whole - first) / (tokens - 1) * 1e3, 1),
    }


def registered(bench: Bench) -> dict[str, Any]:
    """L4: 64 adapters loaded, four in use, against four loaded: what a run costs."""
    before = cost_of(lambda: bench.serve(4)).cpu_s
    bench.register(64)
    bench.serve(4)
    return {"ratio": round(before / cost_of(lambda: bench.serve(4)).cpu_s, 3)}


def prefix(bench: Bench) -> dict[str, Any]:
    """L8: processor time to the first token, 7/8 of the prompt known, against 1/8 of a new one."""
    length = 512
    generator = torch.Generator().manual_seed(1)

    def ids(count: int) -> list[int]:
        return torch.randint(10, 40000, (count,), generator=generator).tolist()

    shared = ids(length * 7 // 8)
    first = [shared + ids(length // 8) for _ in range(bench.options.pairs + 2)]
    bench.do(bench.collect(first.pop(), None, 1))
    hits = paired(
        lambda: bench.do(bench.collect(ids(length), None, 1)),
        lambda: bench.do(bench.collect(first.pop(), None, 1)),
        bench.options.pairs,
    )
    return {**hits, "limit": 8.0}


def hot_load(bench: Bench) -> dict[str, Any]:
    """L5: the longest gap of a running answer while an adapter is loaded, against its median gap."""

    async def gaps() -> list[float]:
        stream = asyncio.create_task(bench.collect(bench.prompts[0], "a0", 48))
        await asyncio.sleep(0.5)
        await bench.engine.load_adapter("late", bench.adapters[4])
        times = await stream
        return sorted(after - before for before, after in pairwise(times[2:]))

    found = bench.do(gaps())
    bench.do(bench.engine.unload_adapter("late"))
    return {
        "ratio": round(found[-1] / found[len(found) // 2], 2),
        "p90": round(found[-5] / found[len(found) // 2], 2),
    }


def linear_share(bench: Bench) -> dict[str, Any]:
    """L7: decoding at full batch: time of the weights alone in it; prompts: share of the GEMM rate.

    And what a step of each kind takes, its linears and its attention, in ms.
    """
    return engine_steps.shares(bench.model, bench.load.requests, bench.options.step_tokens)


SECTIONS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "linear_share": linear_share,
    "mixed_over_base_time": mixed,
    "peft_names": peft_names,
    "peft_switch": peft_switch,
    "generate_batch": generate_batch,
    "vllm_base": vllm_base,
    "vllm_mixed": vllm_mixed,
    "prefix": prefix,
    "hot_load": hot_load,
    "registered_4_over_64": registered,
}


def prompts(load: Load, seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randint(10, 40000, (length,), generator=generator).tolist()
        for length in load.lengths(load.prompt)
    ]


def cut_model(layers: int, folder: Path) -> str:
    """The packaged model, or its first layers."""
    path = base_model_path(Settings())
    if not layers:
        return path
    model = AutoModelForCausalLM.from_pretrained(path, num_hidden_layers=layers)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(path).save_pretrained(folder)
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name, default in (
        ("layers", 0), ("threads", 2), ("pairs", 3), ("requests", 16), ("prompt", 192),
        ("tokens", 32), ("step-tokens", 256),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--spread", type=float, default=0.0)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--vllm", help="a Python that has vLLM")
    parser.add_argument("--only")
    options = parser.parse_args()
    peers = [name for name in SECTIONS if options.vllm or not name.startswith("vllm")]
    chosen = options.only.split(",") if options.only else peers
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, Path(folder))
        bench.register(4)
        results = {}
        for name in chosen:
            results[name] = SECTIONS[name](bench)
            print(name, results[name], file=sys.stderr)
        bench.do(bench.engine.close())
    report("engine", {"options": vars(options), **results})


if __name__ == "__main__":
    main()
