"""vLLM on a CPU as a peer of the engine's benchmark, in a process and an environment of its own.

    .venv-vllm/bin/python -m tests.bench.engine_vllm MODEL '{"dtype": "bfloat16", ...}' [ADAPTER ...]

Started by `tests.bench.engine --vllm PYTHON`. One line on stdin is one run: all requests at once, fresh
random prompts, as many tokens each as the line says; one line on stdout when it is done. Settings are the
best that were found on two cores: one process, cores bound, 4,096 tokens a step, compiled without adapters
(with them vLLM switches that off).
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

READY = "ready"


class Peer:
    """The other end: starts it, and runs it when called."""

    def __init__(
        self, python: str, model: str, asked: dict[str, Any], adapters: Sequence[Path]
    ) -> None:
        arguments = [model, json.dumps(asked), *map(str, adapters)]
        self._process = subprocess.Popen(
            [python, "-m", "tests.bench.engine_vllm", *arguments],
            env=os.environ | environment(python, asked["threads"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._wait()

    def __call__(self, tokens: int | None = None) -> None:
        assert self._process.stdin is not None
        print(tokens or "", file=self._process.stdin, flush=True)
        self._wait()

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()

    def _wait(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip() == READY:
                return
        raise SystemExit(f"vLLM ended with {self._process.wait()}; its log is above")


def environment(python: str, threads: int) -> dict[str, str]:
    """What vLLM reads at its start; a faster allocator and its own OpenMP where they are installed."""
    lib = Path(python).absolute().parents[1] / "lib"
    found = [*Path("/usr/lib").glob("*-linux-gnu/libtcmalloc_minimal.so.4"), lib / "libiomp5.so"]
    return {
        "HF_HUB_OFFLINE": "1",
        "LD_PRELOAD": ":".join(str(path) for path in found if path.exists()),
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": f"0-{threads - 1}",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_STREAM": "ext://sys.stderr",
        "VLLM_NO_USAGE_STATS": "1",
    }


def serve(model: str, asked: dict[str, Any], adapters: Sequence[str]) -> None:
    """Until stdin ends."""
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    lora = {"enable_lora": True, "max_loras": len(adapters), "max_lora_rank": 16}
    llm = LLM(
        model=model,
        dtype=asked["dtype"],
        max_model_len=1024,
        max_num_seqs=asked["requests"],
        enable_prefix_caching=False,
        enforce_eager=bool(adapters),
        **lora if adapters else {},
    )
    requests = [LoRARequest(f"a{n}", n + 1, path) for n, path in enumerate(adapters)]
    count = asked["requests"]
    print(READY, flush=True)
    for line in sys.stdin:
        tokens = int(line.strip() or asked["tokens"])
        params = SamplingParams(
            temperature=0.0, max_tokens=tokens, ignore_eos=True, detokenize=False
        )
        prompts = [
            {"prompt_token_ids": random.choices(range(10, 40000), k=asked["prompt"])}
            for _ in range(count)
        ]
        chosen = [requests[n % len(requests)] for n in range(count)] if requests else None
        llm.generate(prompts, params, lora_request=chosen, use_tqdm=False)
        print(READY, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:])
