"""Linears that apply a different LoRA adapter to each token of a step.

For the first tokens of a step (`Arrangement.mixed`) the adapters in use stand side by side in
resident buffers: two products whatever their number, between them a mask that leaves each token its
own. For the segments that follow, each adapter multiplies its own tokens. Queries, keys and values
do not share their first product: measured, one product over three ranks costs what three cost.

T tokens, m mixed tokens, w columns in use, r rank, I inputs, O outputs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Linear, Module
from torch.nn.functional import linear

from serve.engine.adapter_files import Adapter, LoraWeights
from serve.engine.fixed_linear import FixedLinear
from serve.engine.lanes import Lane, Lanes
from serve.engine.segments import Arrangement, Segment


@dataclass(slots=True)
class Buffers:
    """Resident columns of one linear: `down_CI` and `up_CO`, zero where no adapter is."""

    down_CI: Tensor
    up_CO: Tensor


@dataclass(frozen=True, slots=True)
class LoraStep:
    """How adapters apply to the tokens of one step.

    `foreign_mw` is true where a column is not of the token's adapter, None without mixed tokens;
    `mixed` names the linears that the mixed adapters change.
    """

    count: int
    columns: slice
    foreign_mw: Tensor | None
    mixed: frozenset[str]
    segments: tuple[tuple[int, int, Mapping[str, LoraWeights]], ...]


class Current:
    """What the linears look at: None when the step has no adapter."""

    step: LoraStep | None = None


class LoraLinear(Module):
    """A linear of the base model, and whatever adapters the current step has for it."""

    def __init__(self, name: str, base: Linear, current: Current) -> None:
        super().__init__()
        self.base = FixedLinear(base)
        self.weight, self.bias = self.base.weight, self.base.bias
        self.hot: Buffers | None = None
        self._name, self._current = name, current

    def forward(self, x: Tensor) -> Tensor:
        """`[..., T, I]` -> `[..., T, O]`."""
        y: Tensor = self.base(x)
        step = self._current.step
        if step is not None:
            self._add(step, x.reshape(-1, x.shape[-1]), y.view(-1, y.shape[-1]))
        return y

    def _add(self, step: LoraStep, x_TI: Tensor, y_TO: Tensor) -> None:
        if self._name in step.mixed and self.hot is not None:
            hidden_mw = linear(x_TI[: step.count], self.hot.down_CI[step.columns])
            if step.foreign_mw is not None:
                hidden_mw.masked_fill_(step.foreign_mw, 0.0)
            y_TO[: step.count].addmm_(hidden_mw, self.hot.up_CO[step.columns])
        for start, stop, weights in step.segments:
            own = weights.get(self._name)
            if own is not None:
                hidden = linear(x_TI[start:stop], own.down_rI)
                y_TO[start:stop].addmm_(hidden, own.up_rO)


class AdapterBank:
    """The loaded adapters and the linears that apply them; used on the model's thread only."""

    def __init__(self, linears: Mapping[str, LoraLinear], current: Current, columns: int) -> None:
        self._linears = linears
        self._current = current
        self._columns = columns
        self._lanes = Lanes(columns)
        self._adapters: dict[str, Adapter] = {}

    @property
    def ranks(self) -> dict[str, int]:
        """Of the loaded adapters, by name."""
        return {name: adapter.rank for name, adapter in self._adapters.items()}

    def add(self, name: str, adapter: Adapter) -> None:
        """From the next step on."""
        self._adapters[name] = adapter

    def remove(self, name: str) -> None:
        """No error when it is not there."""
        self._adapters.pop(name, None)
        self._lanes.forget(name)

    def apply(self, arranged: Arrangement) -> None:
        """Make the adapters of a step the ones that the linears apply."""
        wanted = {a: self._adapters[a].rank for a in arranged.mixed if a is not None}
        placed = self._lanes.place(wanted)
        for name in placed.new:
            self._write(placed.lanes[name], self._adapters[name])
        left_out = [
            Segment(at, at + 1, name)
            for at, name in enumerate(arranged.mixed)
            if name is not None and name not in placed.lanes
        ]
        segments = tuple(
            (s.start, s.stop, self._adapters[s.adapter].weights)
            for s in (*left_out, *arranged.segments)
        )
        if not segments and not placed.lanes:
            self._current.step = None
            return
        lanes = placed.lanes.values()
        columns = slice(
            min((x.start for x in lanes), default=0), max((x.stop for x in lanes), default=0)
        )
        self._current.step = LoraStep(
            len(arranged.mixed),
            columns,
            self._foreign(arranged.mixed, placed.lanes, columns),
            frozenset(name for adapter in placed.lanes for name in self._adapters[adapter].weights),
            segments,
        )

    def _foreign(
        self, mixed: Iterable[str | None], lanes: Mapping[str, Lane], columns: slice
    ) -> Tensor | None:
        if not lanes:
            return None
        spans = [lanes.get(name or "", Lane(0, 0)) for name in mixed]
        device = next(iter(self._linears.values())).base.device
        starts_m1 = torch.tensor([[span.start] for span in spans], device=device)
        stops_m1 = torch.tensor([[span.stop] for span in spans], device=device)
        at_w = torch.arange(columns.start, columns.stop, device=device)
        return (at_w < starts_m1) | (at_w >= stops_m1)

    def _write(self, lane: Lane, adapter: Adapter) -> None:
        for name, module in self._linears.items():
            own = adapter.weights.get(name)
            if module.hot is None and own is not None:
                shape = (self._columns, own.down_rI.shape[1]), (self._columns, own.up_rO.shape[1])
                kind = {"dtype": own.down_rI.dtype, "device": module.base.device}
                module.hot = Buffers(torch.zeros(shape[0], **kind), torch.zeros(shape[1], **kind))
            if module.hot is not None:
                _fill(module.hot.down_CI[lane.start : lane.stop], own and own.down_rI)
                _fill(module.hot.up_CO[lane.start : lane.stop], own and own.up_rO)


def _fill(rows: Tensor, values: Tensor | None) -> None:
    count = 0 if values is None else len(values)
    if values is not None:
        rows[:count] = values
    rows[count:] = 0
