"""Runs steps: packs them, calls the model, chooses the next tokens.

S sampled tokens, V vocabulary.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cluster.errors import SettingsError
from cluster.memory import free_bytes
from serve.engine.key_values import KeyValueStore, StoreShape
from serve.engine.packed_model import PackedModel
from serve.engine.packing import pack
from serve.engine.protocol import TokenLogprob
from serve.engine.row import Row
from serve.engine.sampling import logprobs_of
from serve.engine.segments import arrange
from serve.engine.task import Step, Task

Pick = tuple[int, TokenLogprob | None]


class StepRunner:
    """One model and the keys and values of its slots; called from one thread only."""

    def __init__(self, model: PackedModel, slots: int, capacity: int) -> None:
        self.model = model
        shape = StoreShape(model.probe(), slots, capacity, model.dtype, model.device)
        _check_memory(shape)
        self._store = KeyValueStore(shape)

    @torch.inference_mode()
    def run(self, step: Step, rows: Mapping[Task, Row]) -> dict[Task, Pick | Exception]:
        """Compute all parts; for those that sample, the next token, or why there is none.

        An exception means that nothing of the step can be trusted.
        """
        tasks, logits_SV = self.forward(step)
        picked = _pick(logits_SV, [rows[task] for task in tasks])
        return dict(zip(tasks, picked, strict=True))

    @torch.inference_mode()
    def forward(self, step: Step) -> tuple[list[Task], Tensor]:
        """Compute all parts; the tasks that sample and their logits `[S, V]`."""
        for copy in step.copies:
            self._store.copy(copy.source, copy.target, copy.count)
        arranged = arrange(step.parts, self.model.bank.ranks, self.model.device)
        packed = pack(arranged, self._store)
        self.model.bank.apply(arranged)
        logits_SV = self.model.logits(
            packed.ids_1T, packed.positions_1T, packed.keep, packed.attention
        )
        return [part.task for part in arranged.parts if part.samples], logits_SV

    def clear(self, task: Task) -> None:
        """Make a failed task's slot safe for the next one."""
        self._store.clear(task.slot, len(task.ids))


def _pick(logits_SV: Tensor, rows: Sequence[Row]) -> list[Pick | Exception]:
    if not rows:
        return []
    highest_S, tokens_S = logits_SV.max(-1)
    finite, tokens = highest_S.isfinite().tolist(), tokens_S.tolist()
    return [
        _pick_one(logits_SV[i], row, tokens[i] if finite[i] else None) for i, row in enumerate(rows)
    ]


def _pick_one(logits_V: Tensor, row: Row, likeliest: int | None) -> Pick | Exception:
    if likeliest is None:
        return RuntimeError("the model gave infinite or undefined logits")
    try:
        token = likeliest if row.sampler.greedy else row.sampler.pick(logits_V)
        wanted = row.sampler.alternatives
        if wanted is None:
            return token, None
        return token, logprobs_of(logits_V, token, wanted, row.codec.piece)
    except (RuntimeError, ValueError, IndexError) as error:  # its own, not the batch's
        return error


def _check_memory(shape: StoreShape) -> None:
    available = free_bytes(shape.device)
    if shape.bytes > available:
        raise SettingsError(
            f"keys and values of {shape.slots} slots with {shape.capacity} tokens need "
            f"{shape.bytes >> 20} MiB, {available >> 20} MiB of memory are free; lower "
            f"serve.engine.max_batch, serve.engine.prefix_slots or serve.engine.context_tokens"
        )
