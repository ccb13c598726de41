"""What a model is built like, known without its weights: for an engine that runs it elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.nn import Linear

from cluster.errors import ConflictError
from serve.engine.adapter_files import Adapter, Target, read_adapter


class Blueprint:
    """Shapes of a causal language model; built from its configuration on no device."""

    def __init__(self, path: str) -> None:
        from transformers import AutoConfig, AutoModelForCausalLM

        config = AutoConfig.from_pretrained(path)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        self._config: Any = config.get_text_config()
        self._name = str(config.model_type)
        modules = dict(model.named_modules())
        head = model.get_output_embeddings()
        linears = {n: m for n, m in modules.items() if isinstance(m, Linear) and m is not head}
        self._others = frozenset(name for name in modules if name and name not in linears)
        self._targets: Mapping[str, Target] = {
            name: Target(linear.in_features, linear.out_features)
            for name, linear in linears.items()
        }

    @property
    def window(self) -> int | None:
        """Most tokens of a sequence, by the model's own configuration."""
        window: int | None = getattr(self._config, "max_position_embeddings", None)
        return window

    def cache_bytes(self, dtype: str) -> int:
        """Memory that the keys and values of one token take."""
        config = self._config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or (
            config.hidden_size // config.num_attention_heads
        )
        item: int = getattr(torch, dtype).itemsize
        return 2 * int(config.num_hidden_layers) * int(heads) * int(width) * item

    def read_adapter(self, name: str, path: Path) -> Adapter:
        """Read and check a folder; ConflictError when it does not fit. For any thread."""
        try:
            return read_adapter(path, self._targets, self._others, torch.float32)
        except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
            raise ConflictError(
                f"adapter {name!r} does not fit the base model {self._name!r}: {error}"
            ) from error
