"""A causal language model of transformers, run on packed steps with an adapter for each token.

Its own modules compute; we give them the attention and wrap their linears. Whatever model calls
transformers' attention interface in every layer works. Called from one thread only, except what
says otherwise.

T tokens, S sampled tokens, V vocabulary.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import Linear
from transformers import AutoModelForCausalLM

from cluster.errors import ConflictError
from serve.engine import attention
from serve.engine.adapter_files import Adapter, Target, read_adapter
from serve.engine.attention import AttentionStep, ShapeProbe
from serve.engine.fixed_linear import FixedLinear
from serve.engine.key_values import LayerShape
from serve.engine.lora import AdapterBank, Current, LoraLinear


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Which weights to load and how; `dtype` is the name of a torch dtype.

    `hot_ranks` columns of adapters stay side by side for mixed steps.
    """

    path: str
    dtype: str
    device: str
    threads: int
    hot_ranks: int


class PackedModel:
    """See the module."""

    def __init__(self, config: ModelConfig) -> None:
        # Ray sets OMP_NUM_THREADS=1 for actors: without this the model runs on one core
        torch.set_num_threads(config.threads)
        attention.register()
        self.device, self.dtype = config.device, getattr(torch, config.dtype)
        model = AutoModelForCausalLM.from_pretrained(
            config.path, dtype=self.dtype, attn_implementation=attention.NAME
        )
        self._model = model.eval().requires_grad_(False).to(config.device)
        current = Current()
        modules = dict(model.named_modules())
        head = model.get_output_embeddings()
        linears = {n: m for n, m in modules.items() if isinstance(m, Linear) and m is not head}
        self._others = frozenset(name for name in modules if name and name not in linears)
        self._targets = {n: Target(m.in_features, m.out_features) for n, m in linears.items()}
        wrapped = {name: LoraLinear(name, linear, current) for name, linear in linears.items()}
        for name, module in wrapped.items():
            parent, _, child = name.rpartition(".")
            setattr(modules[parent], child, module)
        model.set_output_embeddings(FixedLinear(head))
        self.bank = AdapterBank(wrapped, current, config.hot_ranks)
        self._current = current

    @property
    def name(self) -> str:
        """The architecture."""
        return str(self._model.config.model_type)

    @property
    def vocabulary(self) -> int:
        """Token ids are below this."""
        return int(self._model.get_input_embeddings().num_embeddings)

    def linears(self) -> list[FixedLinear]:
        """Those of all layers, the output head last: what one token at least passes."""
        return [module for module in self._model.modules() if isinstance(module, FixedLinear)]

    @property
    def window(self) -> int | None:
        """Most tokens of a sequence, by what the model was built for and what it attends to."""
        config = self._model.config.get_text_config()
        windows = [getattr(config, "max_position_embeddings", None)]
        if getattr(config, "use_sliding_window", True):
            windows.append(getattr(config, "sliding_window", None))
        return min((window for window in windows if window), default=None)

    @property
    def end_tokens(self) -> frozenset[int]:
        """Tokens that end an answer by the model's generation config."""
        ends = self._model.generation_config.eos_token_id
        if ends is None:
            return frozenset()
        return frozenset([ends] if isinstance(ends, int) else ends)

    def read_adapter(self, name: str, path: Path) -> Adapter:
        """Read and check a folder; ConflictError. May be called from any thread."""
        try:
            adapter = read_adapter(path, self._targets, self._others, self.dtype)
        except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
            raise ConflictError(
                f"adapter {name!r} does not fit the base model {self.name!r}: {error}"
            ) from error
        return adapter if self.device == "cpu" else adapter.to(self.device)

    @torch.inference_mode()
    def logits(
        self, ids_1T: Tensor, positions_1T: Tensor, keep: Tensor, step: AttentionStep
    ) -> Tensor:
        """Logits `[S, V]` of the tokens `keep`."""
        out = self._model(
            input_ids=ids_1T,
            position_ids=positions_1T,
            use_cache=False,
            logits_to_keep=keep,
            attention_step=step,
        )
        logits: Tensor = out.logits[0]
        return logits

    def probe(self) -> dict[int, LayerShape]:
        """Run one token through all weights; the shapes of each layer's keys and values.

        RuntimeError when it gives no numbers.
        """
        self._current.step = None
        zero_11 = torch.zeros(1, 1, dtype=torch.long, device=self.device)
        step = ShapeProbe()
        if not bool(self.logits(zero_11, zero_11, zero_11[0], step).isfinite().all()):
            raise RuntimeError("the model gives infinite or undefined logits")
        expected = self._model.config.get_text_config().num_hidden_layers
        if len(step.layers) != expected:
            raise ConflictError(
                f"the built-in engine cannot run {self.name!r}: {len(step.layers)} of its {expected} "
                f"layers attend through transformers' interface; use another base model"
            )
        return step.layers
