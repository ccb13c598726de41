"""A step as tensors: all tokens of all requests in one row, without padding.

T tokens, R decoding rows, S keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from serve.engine.attention import Chunk, DecodeRun, StoredAttention, causal_mask
from serve.engine.key_values import KeyValueStore
from serve.engine.runs import Run, split_runs
from serve.engine.segments import Arrangement
from serve.engine.task import Part


@dataclass(frozen=True, slots=True)
class Packed:
    """What the model needs; `keep` are the tokens whose logits are wanted."""

    ids_1T: Tensor
    positions_1T: Tensor
    keep: Tensor
    attention: StoredAttention


def pack(arranged: Arrangement, store: KeyValueStore) -> Packed:
    """Tensors of a step; the parts that sample are in `keep` in their order."""
    parts, device = arranged.parts, store.shape.device
    ids: list[int] = []
    positions: list[int] = []
    slots: list[int] = []
    keep: list[int] = []
    for part in parts:
        end = part.start + part.count
        ids += part.task.ids[part.start : end]
        positions += range(part.start, end)
        slots += [part.task.slot] * part.count
        if part.samples:
            keep.append(len(ids) - 1)
    positions_T = torch.tensor(positions, device=device)
    slots_T = torch.tensor(slots, device=device)
    heads = {of.heads for of in store.shape.layers.values()}
    rows = {count: store.row_index(slots_T, positions_T, count) for count in heads}
    return Packed(
        torch.tensor([ids], device=device),
        positions_T[None],
        torch.tensor(keep, dtype=torch.long, device=device),
        StoredAttention(store, _decode_runs(parts, device), _chunks(parts, device), rows),
    )


def _decode_runs(parts: Sequence[Part], device: str) -> tuple[DecodeRun, ...]:
    decoding = [part for part in parts if part.count == 1]
    slots = [part.task.slot for part in decoding]
    lengths = [part.start + 1 for part in decoding]
    return tuple(_decode_run(run, slots, lengths, device) for run in split_runs(slots, lengths))


def _decode_run(run: Run, slots: Sequence[int], lengths: Sequence[int], device: str) -> DecodeRun:
    offsets = [slot - run.slot for slot in slots[run.row : run.row + run.rows]]
    own = lengths[run.row : run.row + run.rows]
    spread = live = mask = None
    if run.span > run.rows:
        row_of = dict(zip(offsets, range(run.rows), strict=True))
        live = torch.tensor(offsets, device=device)
        spread = torch.tensor([row_of.get(i, 0) for i in range(run.span)], device=device)
    if run.span > run.rows or min(own) < run.keys:
        # a free slot sees one key: a row without any would be undefined
        seen = dict(zip(offsets, own, strict=True))
        seen_R = torch.tensor([seen.get(i, 1) for i in range(run.span)], device=device)
        mask = (torch.arange(run.keys, device=device) < seen_R[:, None])[:, None, None]
    return DecodeRun(run.row, run.rows, run.slot, run.span, run.keys, mask, spread, live)


def _chunks(parts: Sequence[Part], device: str) -> tuple[Chunk, ...]:
    chunks, start = [], 0
    for part in parts:
        if part.count > 1:
            mask = causal_mask(part.count, part.start, device)
            chunks.append(Chunk(start, part.count, part.task.slot, part.start, mask))
        start += part.count
    return tuple(chunks)
