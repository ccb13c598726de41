"""Gradients of all workers -> one update of what is trained.

All gradients are views of one flat float32 buffer whose tail counts losses and tokens: summing it
over the workers is one collective, and dividing by the tokens of the *global* batch makes the
update the same however the batch was shared out (a mean of means would not be). Where the model itself is
shared out, the backward pass has summed gradients already, and each worker updates its part.
"""

import math
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from cluster.settings import TrainSettings
from train.sharding import WHOLE, Part, is_sharded, local, place_gradient

COUNTS = ("loss", "supervised", "tokens", "skipped")
"""What a step counts beside its gradients, summed over the workers."""


class NotFiniteError(ArithmeticError):
    """The loss or the gradient of a step is infinite or not a number."""


class Peers(Protocol):
    """The workers of a run."""

    rank: int
    world: int

    def add(self, values: Tensor) -> None:
        """Sum `values` over the workers, in place; every worker must call it."""


class Alone:
    """A run with one worker."""

    rank = 0
    world = 1

    def add(self, values: Tensor) -> None:
        """One worker's sum is its own."""


class Optimiser:
    """AdamW over the weights, with linear warm-up, cosine decay and clipping.

    `weights` of the object are those of this worker: all of them, or its `part` of each.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], settings: TrainSettings, steps: int, peers: Peers
    ) -> None:
        self.weights = {name: local(weight) for name, weight in weights.items()}
        self.sharded = any(map(is_sharded, weights.values()))
        self.part = Part(peers.rank, peers.world) if self.sharded else WHOLE
        self._settings = settings
        self._steps = steps
        self._peers = peers
        self.adamw = torch.optim.AdamW(
            self.weights.values(),
            lr=settings.peak_learning_rate,
            weight_decay=settings.weight_decay,
        )
        self._size = sum(weight.numel() for weight in self.weights.values())
        self._flat = torch.zeros(self._size + len(COUNTS), device=self.device)
        self._place_gradients(weights)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(iter(self.weights.values())).device

    def count(self, **amounts: float | Tensor) -> None:
        """Add to the counts of this step."""
        for name, amount in amounts.items():
            self._flat[self._size + COUNTS.index(name)] += amount

    def update(self, step: int) -> dict[str, float]:
        """Apply the summed gradients of step `step` (from 0) and clear them.

        Returns the counts, `gradient_norm` before clipping, and `learning_rate`. NotFiniteError, the
        same on every worker and before anything changed, when loss or gradient is not finite.
        """
        self._peers.add(self._flat[self._size :] if self.sharded else self._flat)
        counts = dict(zip(COUNTS, self._flat[self._size :].tolist(), strict=True))
        gradient = self._flat[: self._size]
        rate, norm = learning_rate(step, self._steps, self._settings), 0.0
        if counts["supervised"]:
            gradient /= counts["supervised"]
            norm = self._clip(gradient, counts["loss"])
            for group in self.adamw.param_groups:
                group["lr"] = rate
            self.adamw.step()
        self._flat.zero_()
        return {**counts, "gradient_norm": norm, "learning_rate": rate}

    def _clip(self, gradient: Tensor, loss: float) -> float:
        """Shorten the gradient to `clip_norm`; returns its norm before."""
        length = self._norm(gradient)
        norm = float(length)
        for what, value in (("loss", loss), ("gradient norm", norm)):
            if not math.isfinite(value):
                self._flat.zero_()
                raise NotFiniteError(f"the {what} is {value}")
        gradient *= (self._settings.clip_norm / (length + 1e-6)).clamp(max=1.0)
        return norm

    def _norm(self, gradient: Tensor) -> Tensor:
        if not self.sharded:
            return gradient.norm()
        square = gradient.square().sum()
        self._peers.add(square)
        return square.sqrt()

    def _place_gradients(self, weights: Mapping[str, Tensor]) -> None:
        start = 0
        for name, here in self.weights.items():
            end = start + here.numel()
            here.grad = self._flat[start:end].view_as(here)
            place_gradient(weights[name], here.grad)
            start = end


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Linear warm-up over `warmup_fraction` of the steps, then a cosine to a tenth of the peak."""
    warmup, peak = math.ceil(steps * settings.warmup_fraction), settings.peak_learning_rate
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (0.55 + 0.45 * math.cos(math.pi * done))
