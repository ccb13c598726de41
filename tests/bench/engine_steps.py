"""Where a step of the built-in engine goes: its linears, its attention, the rest.

H query heads, K key heads, T tokens, D head size.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import AutoConfig

from serve.engine.key_values import KeyValueStore, StoreShape
from serve.engine.packed_model import ModelConfig, PackedModel
from serve.engine.packing import pack
from serve.engine.runner import StepRunner
from serve.engine.segments import arrange
from serve.engine.task import Part, Step, Task
from tests.bench.measure import Cost, cost_of

CAPACITY = 1024


class Steps:
    """Steps without adapters; all times are the best of a few runs."""

    def __init__(self, config: ModelConfig, rows: int) -> None:
        self._model = model = PackedModel(config)
        self._runner = StepRunner(model, rows, CAPACITY)
        self._shape = StoreShape(model.probe(), rows, CAPACITY, model.dtype, model.device)
        self._store = KeyValueStore(self._shape)
        self._heads = int(AutoConfig.from_pretrained(config.path).num_attention_heads)
        self._linears = model.linears()

    def parts(self, count: int, past: int, rows: int) -> dict[str, Cost]:
        """A step of `rows` requests with `count` new tokens each; the head is only for the last of each."""
        tasks = [Task(None, [7] * (past + count), past, slot=slot) for slot in range(rows)]
        parts = tuple(Part(task, task.computed, task.pending) for task in tasks)
        return {
            "step": best(lambda: self._runner.forward(Step(parts))),
            "linears": self._products(count * rows, rows),
            "attention": self._attention(parts, count * rows),
        }

    def gemm_flops_s(self) -> float:
        """What a large matrix product reaches, by processor time."""
        size = 1536
        square = torch.randn(size, size, dtype=self._model.dtype)
        return 2 * size**3 / best(lambda: square @ square).cpu_s

    @property
    def weights(self) -> int:
        """Of the layers' linears."""
        return sum(layer.weight.numel() for layer in self._linears[:-1])

    @torch.inference_mode()
    def _products(self, tokens: int, sampled: int) -> Cost:
        *layers, head = self._linears
        widths = {layer.weight.shape[1] for layer in self._linears}
        inputs = {width: torch.randn(tokens, width, dtype=self._model.dtype) for width in widths}
        last = inputs[head.weight.shape[1]][:sampled]
        return best(
            lambda: [[layer(inputs[layer.weight.shape[1]]) for layer in layers], head(last)]
        )

    @torch.inference_mode()
    def _attention(self, parts: Sequence[Part], tokens: int) -> Cost:
        step = pack(arrange(parts, {}, self._model.device), self._store).attention
        given = {}
        for layer, of in self._shape.layers.items():
            shapes = (self._heads, of.key_size), (of.heads, of.key_size), (of.heads, of.value_size)
            query, key, value = (
                torch.randn(1, heads, tokens, size, dtype=self._model.dtype)
                for heads, size in shapes
            )
            given[layer] = (query, key, value)
        return best(lambda: [step.attend(layer, qkv, None) for layer, qkv in given.items()])


def shares(config: ModelConfig, rows: int, chunk: int) -> dict[str, Any]:
    """Steps of the engine's own runner, against the products of its weights alone and a GEMM."""
    steps = Steps(config, rows)
    decode, prefill = steps.parts(1, 223, rows), steps.parts(chunk, 0, 1)
    rate = 2 * steps.weights * chunk / prefill["step"].cpu_s
    return {
        "decode_linear_share": round(decode["linears"].cpu_s / decode["step"].cpu_s, 3),
        "prefill_gemm_share": round(rate / steps.gemm_flops_s(), 3),
        "decode_ms": _wall_ms(decode),
        "prefill_ms": _wall_ms(prefill),
    }


def best(run: Callable[[], Any], times: int = 5) -> Cost:
    """The least that a run took, after one that does not count."""
    run()
    costs = [cost_of(run) for _ in range(times)]
    return Cost(min(cost.wall_s for cost in costs), min(cost.cpu_s for cost in costs))


def _wall_ms(parts: dict[str, Cost]) -> dict[str, float]:
    return {name: round(cost.wall_s * 1e3, 1) for name, cost in parts.items()}
