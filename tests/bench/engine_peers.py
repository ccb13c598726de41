"""Peers of the engine's benchmark."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, GenerationConfig

Prompts = Sequence[Sequence[int]]


def peft_names(
    path: str, adapters: Sequence[Path], prompts: Prompts, tokens: Sequence[int]
) -> Callable[[], Any]:
    """All rows in one batch, padded at the left, each with its adapter's name, until all are done."""
    model = _peft(path, adapters)
    width = max(map(len, prompts))
    ids_BT = torch.tensor([[0] * (width - len(ids)) + list(ids) for ids in prompts])
    mask_BT = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts])
    names = [f"a{i % len(adapters)}" for i in range(len(prompts))]
    return lambda: _generate(model, ids_BT, mask_BT, max(tokens), adapter_names=names)


def peft_switch(
    path: str, adapters: Sequence[Path], prompts: Prompts, tokens: Sequence[int]
) -> Callable[[], Any]:
    """One row after the other, its adapter made the active one."""
    model = _peft(path, adapters)

    def run() -> None:
        for i, (ids, count) in enumerate(zip(prompts, tokens, strict=True)):
            model.set_adapter(f"a{i % len(adapters)}")
            ids_1T = torch.tensor([ids])
            _generate(model, ids_1T, torch.ones_like(ids_1T), count)

    return run


def generate_batch(path: str, prompts: Prompts, tokens: Sequence[int]) -> Callable[[], Any]:
    """transformers' continuous batching, as documented for CPUs."""
    model = AutoModelForCausalLM.from_pretrained(path, attn_implementation="paged|sdpa").eval()
    config = GenerationConfig(
        max_new_tokens=max(tokens),
        eos_token_id=-1,
        do_sample=False,
        num_blocks=256,
        max_batch_tokens=2048,
    )
    return lambda: model.generate_batch(
        inputs=[list(ids) for ids in prompts], generation_config=config, progress_bar=False
    )


def _peft(path: str, adapters: Sequence[Path]) -> Any:
    base = AutoModelForCausalLM.from_pretrained(path)
    model = PeftModel.from_pretrained(base, str(adapters[0]), adapter_name="a0")
    for i, folder in enumerate(adapters[1:], 1):
        model.load_adapter(str(folder), f"a{i}")
    return model.eval()


@torch.inference_mode()
def _generate(
    model: Any, ids_BT: torch.Tensor, mask_BT: torch.Tensor, tokens: int, **kwargs: Any
) -> None:
    model.generate(
        input_ids=ids_BT,
        attention_mask=mask_BT,
        max_new_tokens=tokens,
        min_new_tokens=tokens,
        do_sample=False,
        pad_token_id=0,
        **kwargs,
    )
