"""Keys and values of a batch, written in place into buffers that grow in blocks.

transformers' DynamicCache copies everything at every step; here a step copies one position.

B rows, K key heads, S positions, D head size.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

BLOCK = 64


class GrowingLayer(DynamicLayer):
    """One layer; `keys` and `values` are views of the filled part of the buffers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._key_buffer_BKSD: Tensor | None = None
        self._value_buffer_BKSD: Tensor | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append positions; returns all keys and values so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[2]
        self._key_buffer_BKSD = _fitting(self._key_buffer_BKSD, key_states, start, end)
        self._value_buffer_BKSD = _fitting(self._value_buffer_BKSD, value_states, start, end)
        self._key_buffer_BKSD[:, :, start:end] = key_states
        self._value_buffer_BKSD[:, :, start:end] = value_states
        self.keys = self._key_buffer_BKSD[:, :, :end]
        self.values = self._value_buffer_BKSD[:, :, :end]
        return self.keys, self.values


def new_cache() -> Cache:
    """An empty cache for a model whose layers all attend to everything before."""
    return Cache(layer_class_to_replicate=GrowingLayer)


def join(caches: Sequence[Cache]) -> Cache:
    """One cache of several one-row caches, rows aligned at their last position."""
    width = max(cache.get_seq_length() for cache in caches)
    joined = new_cache()
    for index in range(len(caches[0].layers)):
        layers = [cache.layers[index] for cache in caches]
        joined.update(
            _aligned([layer.keys for layer in layers], width),
            _aligned([layer.values for layer in layers], width),
            index,
        )
        for cache in caches:
            cache.layers[index] = GrowingLayer()  # each row is held twice only for one layer
    return joined


def keep_rows(cache: Cache, rows: Sequence[int], width: int) -> Cache:
    """The same cache with some rows only, cut to the last `width` positions."""
    kept = new_cache()
    for index, layer in enumerate(cache.layers):
        kept.update(layer.keys[list(rows), :, -width:], layer.values[list(rows), :, -width:], index)
        cache.layers[index] = GrowingLayer()
    return kept


def _fitting(buffer: Tensor | None, new: Tensor, start: int, end: int) -> Tensor:
    """A buffer with room for `end` positions that holds the first `start` of the old one."""
    if buffer is not None and buffer.shape[2] >= end:
        return buffer
    batch, heads, _, size = new.shape
    grown = new.new_empty(batch, heads, -(-(end + 1) // BLOCK) * BLOCK, size)
    if buffer is not None:
        grown[:, :, :start] = buffer[:, :, :start]
    return grown


def _aligned(rows_1KSD: Sequence[Tensor], width: int) -> Tensor:
    first = rows_1KSD[0]
    out = first.new_zeros(len(rows_1KSD), first.shape[1], width, first.shape[3])
    for row, states in enumerate(rows_1KSD):
        out[row, :, width - states.shape[2] :] = states[0]
    return out
