"""The base model and its LoRA adapters (peft); one of them, or none, is active.

Called from one thread only. peft keys its modules by adapter name and forbids dots in it, so
adapters are stored under a hash of their id.

B rows, T positions, V vocabulary.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from cluster.errors import ConflictError
from cluster.keys import content_id
from serve.engine import attention, cache


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Which weights to load and how; `dtype` is the name of a torch dtype."""

    path: str
    dtype: str
    device: str
    threads: int


class AdaptedModel:
    """A causal language model with switchable adapters."""

    def __init__(self, config: ModelConfig) -> None:
        from transformers import AutoModelForCausalLM

        # Ray sets OMP_NUM_THREADS=1 for actors: without this the model runs on one core
        torch.set_num_threads(config.threads)
        attention.register()
        self.device = config.device
        model = AutoModelForCausalLM.from_pretrained(
            config.path,
            dtype=getattr(torch, config.dtype),
            attn_implementation=attention.NAME,
        )
        self._model = model.eval().requires_grad_(False).to(config.device)
        self._peft: Any = None
        self._loaded: set[str] = set()
        self._active: str | None = None

    @property
    def config(self) -> Any:
        """transformers' configuration of the base model."""
        return self._model.config

    @property
    def end_tokens(self) -> frozenset[int]:
        """Tokens that end an answer by the model's generation config."""
        ends = self._model.generation_config.eos_token_id
        if ends is None:
            return frozenset()
        return frozenset([ends] if isinstance(ends, int) else ends)

    def load(self, name: str, path: Path) -> None:
        """Add an adapter; the active one stays active. ConflictError leaves the model as it was."""
        if name in self._loaded:
            return
        try:
            self._add(_key(name), path)
        except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
            self._remove(_key(name))
            raise ConflictError(
                f"adapter {name!r} does not fit the base model {self.config.model_type!r}: {error}"
            ) from error
        finally:
            self._select()
        self._loaded.add(name)

    def unload(self, name: str) -> None:
        """Remove an adapter; nothing happens when it is not loaded."""
        if name in self._loaded:
            self._loaded.discard(name)
            self._active = None if self._active == name else self._active
            self._remove(_key(name))
            self._select()

    def use(self, name: str | None) -> None:
        """Make an adapter (None: the base model alone) the one that `logits` runs."""
        if name != self._active:
            self._active = name
            self._select()

    @torch.inference_mode()
    def logits(
        self, ids_BT: Tensor, positions_BT: Tensor, mask: Tensor | None, past: Cache
    ) -> Tensor:
        """Logits `[B, V]` of the last position; `past` grows by T. `mask` is bool `[B, 1, 1, S]`."""
        out = self._model(
            input_ids=ids_BT,
            position_ids=positions_BT,
            attention_mask=mask,
            past_key_values=past,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = out.logits[:, -1]
        return logits

    def probe(self) -> None:
        """Run one token through the model; RuntimeError when it gives no numbers."""
        zero_11 = torch.zeros(1, 1, dtype=torch.long, device=self.device)
        if not bool(self.logits(zero_11, zero_11, None, cache.new_cache()).isfinite().all()):
            raise RuntimeError("the model gives infinite or undefined logits")

    def _add(self, key: str, path: Path) -> None:
        from peft import LoraConfig, PeftConfig, PeftModel

        config = PeftConfig.from_pretrained(str(path))
        if not isinstance(config, LoraConfig):
            raise ValueError(f"only LoRA adapters are served, got {config.peft_type}")
        config.inference_mode = True
        if self._peft is None:
            self._peft = PeftModel(self._model, config, key, autocast_adapter_dtype=False)
        else:
            self._peft.add_adapter(key, config, autocast_adapter_dtype=False)
        result = self._peft.load_adapter(
            str(path), key, torch_device=self.device, autocast_adapter_dtype=False
        )
        if result.missing_keys or result.unexpected_keys:
            odd = [*result.missing_keys, *result.unexpected_keys]
            raise ValueError(f"{len(odd)} weights do not match, the first is {odd[0]!r}")

    def _remove(self, key: str) -> None:
        if self._peft is None or key not in self._peft.peft_config:
            return
        if len(self._peft.peft_config) == 1:  # peft cannot be left without any adapter
            self._model = self._peft.unload()
            self._peft = None
        else:
            self._peft.delete_adapter(key)

    def _select(self) -> None:
        if self._peft is None:
            return
        if self._active is None:
            self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.base_model.set_adapter(_key(self._active), inference_mode=True)
            self._peft.base_model.enable_adapter_layers()


def _key(name: str) -> str:
    return f"adapter_{content_id(name)}"
