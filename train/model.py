"""The model that is trained, by method, and the loss on answers.

A frozen base is kept in the training dtype (in 4 bits for QLoRA); what is trained stays float32, and in
bfloat16 training it is cast per step (autocast), which keeps small updates. Logits are computed only
where a label is: with 49k words in the vocabulary the head is a fifth of a small model's work, and few
tokens of a RAFT text are supervised.
Letters: T tokens, S supervised tokens of a micro-batch, V words of the vocabulary.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cluster.errors import SettingsError
from cluster.settings import TrainSettings
from train import attention
from train.batches import MicroBatch
from train.encoding import IGNORE
from train.methods import freezes_base
from train.sharding import shard, shards


@dataclass(frozen=True, slots=True)
class Base:
    """The model to begin with: `path` for `from_pretrained`, the `dtype` to compute in, where it runs."""

    path: str
    dtype: str
    device: str = "cpu"


def build_model(base: Base, settings: TrainSettings, world: int = 1) -> Any:
    """The model on its device; what `settings.method` trains requires gradients, the rest does not.

    The start of training is decided by `settings.seed`, the same on every worker of `world`. Where they
    share the model out (`train.sharding`), it is this worker's part.
    """
    model = prepare(_load(base, settings), settings)
    return (
        shard(model, base.dtype, base.device) if shards(settings, world) else model.to(base.device)
    )


def prepare(model: Any, settings: TrainSettings) -> Any:
    """A loaded model as `settings` train it: adapter, checkpointing, compiled layers."""
    if settings.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    layers = [m for m in model.modules() if type(m).__name__ in (model._no_split_modules or ())]
    if freezes_base(settings):
        model = _attach_adapter(model.requires_grad_(False), settings)
    if settings.compile:
        for layer in layers:  # one compilation for all of them: they are the same code
            layer.compile(dynamic=True)
    return model


def build_skeleton(base: Base, settings: TrainSettings) -> Any:
    """The same model without memory or values (PyTorch's meta device), in full precision."""
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base.path))
        if freezes_base(settings):
            model = _attach_adapter(model.requires_grad_(False), settings)
    return model


def _load(base: Base, settings: TrainSettings) -> Any:
    from transformers import AutoModelForCausalLM

    dtype = base.dtype if freezes_base(settings) else "float32"
    options: dict[str, Any] = {"dtype": getattr(torch, dtype)}
    if settings.packing:
        attention.register()
        options["attn_implementation"] = attention.NAME
    if settings.method == "qlora":
        options |= {"quantization_config": _quantisation(dtype), "device_map": {"": base.device}}
    return AutoModelForCausalLM.from_pretrained(base.path, **options)


def _quantisation(dtype: str) -> Any:
    """NormalFloat4 with double quantisation, as in QLoRA (Dettmers et al. 2023, section 3)."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )


def _attach_adapter(base: Any, settings: TrainSettings) -> Any:
    """`base` with a new LoRA adapter (Hu et al. 2021): its output is unchanged before training.

    DoRA (Liu et al. 2024) trains the length of each weight's columns apart from their direction.
    """
    from peft import LoraConfig, get_peft_model
    from peft.tuners.tuners_utils import BaseTunerLayer

    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=list(settings.lora_targets),
        layers_to_transform=_adapted_layers(base, settings),
        use_dora=settings.method == "dora",
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(settings.seed)
    model = get_peft_model(base, config)
    for module in model.modules():
        if isinstance(module, BaseTunerLayer):
            # autocast makes the input bfloat16 again: peft's copy of it in float32 is only memory
            module.cast_input_dtype_enabled = False
    return model


def _adapted_layers(base: Any, settings: TrainSettings) -> list[int] | None:
    """The last `lora_layers`; None for all. SettingsError when the model has fewer."""
    if settings.lora_layers is None:
        return None
    layers = int(base.config.get_text_config().num_hidden_layers)
    if settings.lora_layers > layers:
        raise SettingsError(
            f"train.lora_layers={settings.lora_layers} is more than the {layers} layers of the model; "
            "lower it, or leave it out to adapt all of them"
        )
    return list(range(layers - settings.lora_layers, layers))


def trained_weights(model: Any) -> dict[str, Tensor]:
    """The parameters that training moves, by name, in a fixed order."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


class AnswerLoss:
    """Callable: micro-batch -> summed negative log-likelihood of its supervised tokens (float32).

    A hook in front of the head keeps the S hidden states that predict a label, so that what a
    model does after its head (scaling, soft-capping) stays in place.
    """

    def __init__(self, model: Any, dtype: str) -> None:
        self._model = model
        self._dtype = dtype

    def __call__(self, batch: MicroBatch) -> Tensor:
        return self._token_losses(batch)[1].sum()

    def each(self, batch: MicroBatch) -> Tensor:
        """The same for every text of the row by itself."""
        rows_S, losses_S = self._token_losses(batch)
        lengths = torch.tensor(batch.lengths, device=rows_S.device)
        text_T = torch.arange(len(lengths), device=rows_S.device).repeat_interleave(lengths)
        return losses_S.new_zeros(len(lengths)).index_add(0, text_T[rows_S], losses_S)

    def _token_losses(self, batch: MicroBatch) -> tuple[Tensor, Tensor]:
        """Where in the row a label is predicted, and the loss there."""
        targets_T = torch.nn.functional.pad(batch.labels_1T[0, 1:], (0, 1), value=IGNORE)
        rows_S = (targets_T != IGNORE).nonzero().squeeze(1)
        with self._only(rows_S), self._precision(batch.ids_1T.device.type):
            logits_1SV = self._model(
                input_ids=batch.ids_1T,
                position_ids=batch.positions_1T,
                use_cache=False,
                lengths=batch.lengths,
            ).logits
        losses_S = torch.nn.functional.cross_entropy(
            logits_1SV[0].float(), targets_T[rows_S], reduction="none"
        )
        return rows_S, losses_S

    @contextmanager
    def _only(self, rows_S: Tensor) -> Iterator[None]:
        def select(_head: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
            return (inputs[0].flatten(0, 1)[rows_S].unsqueeze(0),)

        hook = self._model.get_output_embeddings().register_forward_pre_hook(select)
        try:
            yield
        finally:
            hook.remove()

    def _precision(self, device: str) -> AbstractContextManager[Any]:
        if self._dtype == "bfloat16":
            return torch.autocast(device, dtype=torch.bfloat16)
        return nullcontext()
