"""The base model with a LoRA adapter, and the loss on answers.

The base is frozen and kept in the training dtype; adapter weights stay float32, and in bfloat16
training they are cast per step (autocast), which costs 3 % against adapters in bfloat16 and keeps
small updates. Logits are computed only where a label is: with 49k words in the vocabulary the head
is a fifth of this model's work, and few tokens of a RAFT text are supervised.
Letters: B texts, T tokens, S supervised tokens of a micro-batch, V words of the vocabulary.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from cluster.settings import TrainSettings
from train.encoding import IGNORE


def load_base(path: str, dtype: str) -> Any:
    """The causal language model at `path` with frozen weights, in `dtype`, on the CPU."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(path, dtype=getattr(torch, dtype))
    return model.requires_grad_(False)


def attach_adapter(base: Any, settings: TrainSettings) -> Any:
    """`base` with a new LoRA adapter (Hu et al. 2021): its output is unchanged before training.

    The start of training is decided by `settings.seed`, the same on every worker.
    """
    from peft import LoraConfig, get_peft_model
    from peft.tuners.tuners_utils import BaseTunerLayer

    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=list(settings.lora_targets),
        task_type="CAUSAL_LM",
    )
    if settings.gradient_checkpointing:
        base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    torch.manual_seed(settings.seed)
    model = get_peft_model(base, config)
    for module in model.modules():
        if isinstance(module, BaseTunerLayer):
            # autocast makes the input bfloat16 again: peft's copy of it in float32 is only memory
            module.cast_input_dtype_enabled = False
    return model


def adapter_weights(model: Any) -> dict[str, Tensor]:
    """The trainable parameters by name, in a fixed order."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


class AnswerLoss:
    """Callable: micro-batch -> summed negative log-likelihood of its supervised tokens (float32).

    A hook in front of the head keeps the S hidden states that predict a label, so that what a
    model does after its head (scaling, soft-capping) stays in place.
    """

    def __init__(self, model: Any, dtype: str) -> None:
        self._model = model
        self._dtype = dtype

    def __call__(self, ids_BT: Tensor, labels_BT: Tensor) -> Tensor:
        targets_BT = torch.nn.functional.pad(labels_BT[:, 1:], (0, 1), value=IGNORE)
        rows_S = (targets_BT.flatten() != IGNORE).nonzero().squeeze(1)
        with self._only(rows_S), self._precision(ids_BT.device.type):
            logits_1SV = self._model(input_ids=ids_BT, use_cache=False).logits
        return torch.nn.functional.cross_entropy(
            logits_1SV[0].float(), targets_BT.flatten()[rows_S], reduction="sum"
        )

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
