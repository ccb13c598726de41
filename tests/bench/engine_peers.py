"""Peers and probes of the engine's benchmark."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, GenerationConfig

from serve.engine.packed_model import ModelConfig, PackedModel
from serve.engine.runner import StepRunner
from serve.engine.task import Part, Step, Task
from tests.bench.measure import cost_of

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


def shares(config: ModelConfig, rows: int, chunk: int) -> dict[str, Any]:
    """Steps of the engine's own runner, against the products of its weights alone and a GEMM."""
    model = PackedModel(config)
    runner = StepRunner(model, rows, 1024)
    linears = model.linears()
    widths = {layer.weight.shape[1] for layer in linears}

    def step(count: int, past: int, rows: int) -> float:
        tasks = [Task(None, [7] * (past + count), past, slot=i) for i in range(rows)]
        return _best(lambda: runner.forward(_step(tasks)))

    def products(tokens: int) -> float:
        inputs = {width: torch.randn(tokens, width, dtype=model.dtype) for width in widths}
        return _best(lambda: [layer(inputs[layer.weight.shape[1]]) for layer in linears])

    size = 1536
    square = torch.randn(size, size, dtype=model.dtype)
    gemm_flops_s = 2 * size**3 / _best(lambda: square @ square)
    layers = sum(layer.weight.numel() for layer in linears[:-1])
    return {
        "decode_linear_share": round(products(rows) / step(1, 223, rows), 3),
        "prefill_gemm_share": round(2 * layers * chunk / step(chunk, 0, 1) / gemm_flops_s, 3),
    }


def _step(tasks: Sequence[Task]) -> Step:
    return Step(tuple(Part(task, task.computed, task.pending) for task in tasks))


def _best(run: Callable[[], Any], times: int = 5) -> float:
    run()
    return min(cost_of(run).cpu_s for _ in range(times))


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
