"""Attention over slots for a packed row of tokens, called by transformers' own modules.

Each layer of the model hands its queries, keys and values to the step that runs (`attention_step`,
a keyword that transformers passes on from the model's call). Grouped-query heads are seen as
queries of their key head when decoding, and as strided views in prompts: keys are never repeated.

T tokens, R decoding rows, S keys, H query heads, K key heads, G = H / K, D head size.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import scaled_dot_product_attention
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from cluster.errors import ConflictError
from serve.engine.key_values import KeyValueStore, LayerShape

NAME = "openbook_packed"
_UNSUPPORTED = ("softcap", "s_aux", "position_bias")  # what changes scores in other ways


class AttentionStep(Protocol):
    """Where the layers of one forward pass attend."""

    def attend(self, layer: int, qkv: tuple[Tensor, Tensor, Tensor], scale: float | None) -> Tensor:
        """Queries `[1, H, T, D]`, keys and values `[1, K, T, D]` -> `[1, T, H, D]`."""


def register() -> None:
    """Make the function known to transformers under `NAME`; idempotent. No mask function: none is built."""
    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)


def attend(
    module: Module, query: Tensor, key: Tensor, value: Tensor, _mask: None, **kwargs: Any
) -> tuple[Tensor, None]:
    """transformers' attention interface."""
    foreign = [name for name in _UNSUPPORTED if kwargs.get(name) is not None]
    if foreign or "attention_step" not in kwargs:
        raise ConflictError(
            f"the built-in engine cannot run {type(module).__name__}: it attends with "
            f"{foreign or 'other arguments'}; use another base model or serve.engine.kind"
        )
    step: AttentionStep = kwargs["attention_step"]
    layer = int(module.layer_idx)
    return step.attend(layer, (query, key, value), kwargs.get("scaling")), None


class ShapeProbe:
    """A step of one sequence that keeps nothing, and learns what each layer's keys look like."""

    def __init__(self) -> None:
        self.layers: dict[int, LayerShape] = {}

    def attend(self, layer: int, qkv: tuple[Tensor, Tensor, Tensor], scale: float | None) -> Tensor:
        """Plain causal attention of the tokens to each other."""
        query, key, value = qkv
        self.layers[layer] = LayerShape(key.shape[1], key.shape[3], value.shape[3])
        return _causal(query[0], key[0], value[0], None, scale).transpose(0, 1)[None]


@dataclass(frozen=True, slots=True)
class DecodeRun:
    """Rows `[row, row + rows)` of the step attend to slots `[slot, slot + span)`, up to `keys`.

    `mask` is bool `[span, 1, 1, S]`; `spread` has for each slot of the span the row it belongs to,
    and `live` the slots of the rows: None when every slot of the span has its row.
    """

    row: int
    rows: int
    slot: int
    span: int
    keys: int
    mask: Tensor | None
    spread: Tensor | None
    live: Tensor | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens `[start, start + count)` are the positions after `past` of a slot; `mask` bool `[T, S]`."""

    start: int
    count: int
    slot: int
    past: int
    mask: Tensor | None


@dataclass(slots=True)
class StoredAttention:
    """A step over the store; everything about it was prepared once for all layers."""

    store: KeyValueStore
    runs: tuple[DecodeRun, ...]
    chunks: tuple[Chunk, ...]
    rows: dict[int, Tensor]  # number of key heads -> where the tokens go

    def attend(self, layer: int, qkv: tuple[Tensor, Tensor, Tensor], scale: float | None) -> Tensor:
        """Store the tokens' keys and values, then attend to all of their requests."""
        query, key, value = qkv
        key_TKD, value_TKD = key[0].transpose(0, 1), value[0].transpose(0, 1)
        self.store.write(layer, self.rows[key.shape[1]], key_TKD, value_TKD)
        keys, values = self.store.keys_NKCD[layer], self.store.values_NKCD[layer]
        query_THD = query[0].transpose(0, 1)
        out_THD = query.new_empty(*query_THD.shape[:2], value.shape[3])
        for run in self.runs:
            out_THD[run.row : run.row + run.rows] = _decode(run, query_THD, keys, values, scale)
        for chunk in self.chunks:
            end = chunk.start + chunk.count
            seen = slice(0, chunk.past + chunk.count)
            out_HTD = _causal(
                query[0, :, chunk.start : end],
                keys[chunk.slot, :, seen],
                values[chunk.slot, :, seen],
                chunk.mask,
                scale,
            )
            out_THD[chunk.start : end] = out_HTD.transpose(0, 1)
        return out_THD[None]


def _decode(
    run: DecodeRun, query_THD: Tensor, keys: Tensor, values: Tensor, scale: float | None
) -> Tensor:
    query_RHD = query_THD[run.row : run.row + run.rows]
    if run.spread is not None:
        query_RHD = query_RHD.index_select(0, run.spread)
    heads, size = query_RHD.shape[1:]
    groups, slots = keys.shape[1], slice(run.slot, run.slot + run.span)
    out = scaled_dot_product_attention(
        query_RHD.reshape(run.span, groups, heads // groups, size),
        keys[slots, :, : run.keys],
        values[slots, :, : run.keys],
        attn_mask=run.mask,  # the same for all queries of a row
        scale=scale,
    ).flatten(1, 2)
    return out if run.live is None else out.index_select(0, run.live)


def _causal(
    query_HTD: Tensor, key_KSD: Tensor, value_KSD: Tensor, mask: Tensor | None, scale: float | None
) -> Tensor:
    """`[H, T, D]`; without a mask the tokens are all there is before them."""
    heads, groups = query_HTD.shape[0], key_KSD.shape[0]
    shape = (groups, heads // groups, *key_KSD.shape[1:])
    out = scaled_dot_product_attention(
        query_HTD.unflatten(0, (groups, heads // groups)),
        key_KSD[:, None].expand(shape),
        value_KSD[:, None].expand(*shape[:3], value_KSD.shape[2]),
        attn_mask=mask,
        is_causal=mask is None,
        scale=scale,
    )
    return out.flatten(0, 1)


def causal_mask(count: int, past: int, device: str) -> Tensor | None:
    """Bool `[T, past + T]`: each token sees those before it and itself. None when nothing is past."""
    if not past:
        return None
    return torch.ones(count, past + count, dtype=torch.bool, device=device).tril(past)
