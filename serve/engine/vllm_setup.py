"""Settings -> how vLLM is started: its arguments and the variables that it reads."""

import os
from dataclasses import dataclass
from typing import Any

from serve.engine.blueprint import Blueprint

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM reserves memory for
_PAGE_TOKENS = 128  # of keys and values on a CPU; a request's last page is partly empty


@dataclass(frozen=True, slots=True)
class VllmEngineConfig:
    """Which weights to serve and how; `dtype` is the name of a torch dtype.

    No `gpus` means the CPU with `threads`, and memory for `max_batch` + `prefix_slots` sequences.
    """

    path: str
    dtype: str
    gpus: int
    threads: int
    max_batch: int
    prefix_slots: int
    context_tokens: int
    max_adapters: int
    max_rank: int
    gpu_memory_share: float
    probe_s: float


def engine_arguments(config: VllmEngineConfig, blueprint: Blueprint) -> dict[str, Any]:
    """What vLLM's `AsyncEngineArgs` takes."""
    slots = min(config.max_adapters, config.max_batch)
    context = min(config.context_tokens, blueprint.window or config.context_tokens)
    arguments = {
        "model": config.path,
        "dtype": config.dtype,
        "max_model_len": context,
        "max_num_seqs": config.max_batch,
        "enable_prefix_caching": True,
        "enable_lora": True,
        "max_loras": slots,
        "max_lora_rank": next((rank for rank in _RANKS if rank >= config.max_rank), _RANKS[-1]),
        # a new adapter is loaded before an old one is forgotten
        "max_cpu_loras": config.max_adapters + 1,
        "disable_log_stats": True,
    }
    if config.gpus:
        gpu = {
            "tensor_parallel_size": config.gpus,
            # inside a Ray actor vLLM may else ask Ray for the GPUs that the actor already has
            "distributed_executor_backend": "mp" if config.gpus > 1 else None,
            "gpu_memory_utilization": config.gpu_memory_share,
        }
        return arguments | gpu
    pages = (config.max_batch + config.prefix_slots) * -(-context // _PAGE_TOKENS) + 1
    memory = pages * _PAGE_TOKENS * blueprint.cache_bytes(config.dtype)
    # with adapters vLLM does not compile for the CPU anyway
    return arguments | {"kv_cache_memory_bytes": memory, "enforce_eager": True}


def set_environment(config: VllmEngineConfig) -> None:
    """vLLM and the process that it starts are told by variables; what the user has set stays."""
    wanted = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # stdout is for the results of commands
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # replicas on one machine would share the same cores
    }
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    if not config.gpus:  # Ray sets it to 1 for actors
        os.environ["OMP_NUM_THREADS"] = str(config.threads)
