"""Keys and values of all slots: one tensor of each per layer, allocated once.

A slot's positions lie side by side, so a request's keys are a view, those of neighbouring slots
too, and nothing is gathered before attention. What is reserved and never written costs no memory:
pages come from calloc. They are zero, never undefined: a masked key must still be a number.

N slots, K key heads, C capacity (positions of a slot), D head size, T tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class LayerShape:
    """Of one layer's keys and values."""

    heads: int
    key_size: int
    value_size: int


@dataclass(frozen=True, slots=True)
class StoreShape:
    """`layers` by index; all layers have the same slots."""

    layers: Mapping[int, LayerShape]
    slots: int
    capacity: int
    dtype: torch.dtype
    device: str

    @property
    def bytes(self) -> int:
        """What the store reserves."""
        row = sum(s.heads * (s.key_size + s.value_size) for s in self.layers.values())
        return row * self.slots * self.capacity * self.dtype.itemsize


class KeyValueStore:
    """See the module."""

    def __init__(self, shape: StoreShape) -> None:
        self.shape = shape
        self.keys_NKCD: dict[int, Tensor] = {}
        self.values_NKCD: dict[int, Tensor] = {}
        for layer, of in shape.layers.items():
            self.keys_NKCD[layer] = self._reserve(of.heads, of.key_size)
            self.values_NKCD[layer] = self._reserve(of.heads, of.value_size)

    def write(self, layer: int, rows: Tensor, key_TKD: Tensor, value_TKD: Tensor) -> None:
        """Store new tokens; `rows` `[T * K]` index (slot, head, position), see `row_index`."""
        for store, new in ((self.keys_NKCD, key_TKD), (self.values_NKCD, value_TKD)):
            size = new.shape[-1]
            store[layer].view(-1, size).index_copy_(0, rows, new.reshape(-1, size))

    def row_index(self, slots_T: Tensor, positions_T: Tensor, heads: int) -> Tensor:
        """Where `write` puts each token's heads, `[T * K]`."""
        heads_K = torch.arange(heads, device=slots_T.device)
        capacity = self.shape.capacity
        rows_TK = (slots_T[:, None] * heads + heads_K) * capacity + positions_T[:, None]
        return rows_TK.flatten()

    def copy(self, source: int, target: int, count: int) -> None:
        """The first `count` positions of a slot into another."""
        for store in (self.keys_NKCD, self.values_NKCD):
            for layer_NKCD in store.values():
                layer_NKCD[target, :, :count] = layer_NKCD[source, :, :count]

    def clear(self, slot: int, count: int) -> None:
        """Write zeros: what a failed step left may be no number and would spread from under a mask."""
        for store in (self.keys_NKCD, self.values_NKCD):
            for layer_NKCD in store.values():
                layer_NKCD[slot, :, :count] = 0

    def _reserve(self, heads: int, size: int) -> Tensor:
        shape = (self.shape.slots, heads, self.shape.capacity, size)
        if self.shape.device != "cpu":
            return torch.zeros(shape, dtype=self.shape.dtype, device=self.shape.device)
        # torch.zeros would touch every page
        raw = np.zeros((*shape, self.shape.dtype.itemsize), dtype=np.uint8)
        return torch.from_numpy(raw).view(self.shape.dtype).squeeze(-1)
