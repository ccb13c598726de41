"""Settings -> engine. Engines are named as strings, so that only the chosen one is imported."""

import importlib
import importlib.util

from cluster.errors import SettingsError
from cluster.settings import Settings
from serve.engine.protocol import Engine

# kind -> module with `open_engine(settings)`
ENGINES = {"builtin": "serve.engine.builtin", "vllm": "serve.engine.vllm_engine"}


def open_engine(settings: Settings) -> Engine:
    """The engine of `serve.engine.kind`, not started; SettingsError when it is not installed."""
    module = importlib.import_module(ENGINES[engine_kind(settings)])
    engine: Engine = module.open_engine(settings)
    return engine


def engine_kind(settings: Settings) -> str:
    """The kind that the settings mean on this machine: `auto` is resolved."""
    kind = settings.serve.engine.kind
    if kind == "auto":
        wants_gpu = settings.serve.generator.num_gpus > 0
        return "vllm" if wants_gpu and _has_vllm() and _has_gpu() else "builtin"
    if kind == "vllm" and not _has_vllm():
        raise SettingsError(
            "serve.engine.kind=vllm, but vLLM is not installed; install `openbook[vllm]`, or set "
            "builtin or auto"
        )
    return kind


def _has_vllm() -> bool:
    return importlib.util.find_spec("vllm") is not None


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())
