"""Which examples make which step, for any number of workers.

The global batch of a step depends on seed and step alone. Workers share it out, so a run may stop
at any step and go on with more or fewer of them. A micro-batch is a row of texts without padding.
Letters: T tokens of a micro-batch.
"""

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from cluster.keys import seed_of
from train.encoding import IGNORE, Encoded, Item


@dataclass(frozen=True)
class Schedule:
    """The order of examples over all epochs; the last batch of an epoch may be smaller.

    With `max_steps` the run ends after so many steps, wherever it then is.
    """

    examples: Sequence[Item]
    batch_size: int
    epochs: int
    seed: int
    max_steps: int | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in an epoch."""
        return -(-len(self.examples) // self.batch_size)

    @property
    def steps(self) -> int:
        """Optimizer steps in the whole run."""
        steps = self.steps_per_epoch * self.epochs
        return steps if self.max_steps is None else min(steps, self.max_steps)

    @property
    def visits(self) -> int:
        """Examples in the whole run, each as often as it is seen."""
        epochs, more = divmod(self.steps, self.steps_per_epoch)
        return epochs * len(self.examples) + more * self.batch_size

    def batch(self, step: int) -> tuple[int, list[Item]]:
        """Epoch and global batch of step `step`, counted from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = epoch_order(len(self.examples), self.seed, epoch)
        chosen = order[place * self.batch_size : (place + 1) * self.batch_size]
        return epoch, [self.examples[index] for index in chosen]


@lru_cache(maxsize=1)  # of the steps of an epoch only the first has to shuffle
def epoch_order(examples: int, seed: int, epoch: int) -> Sequence[int]:
    """The places of all examples in the order in which an epoch shows them."""
    order = array("Q", range(examples))
    random.Random(seed_of("order", seed, epoch)).shuffle(order)
    return order


def share(batch: Sequence[Item], rank: int, world: int) -> list[Item]:
    """The part of a global batch that one of `world` workers takes; parts are of similar size.

    Dealt out by size, there and back: no worker always gets the larger of two, and none waits long.
    """
    dealt = sorted(batch, key=lambda item: (item.size, item.id))
    turns = (place % (2 * world) for place in range(len(dealt)))
    takers = (turn if turn < world else 2 * world - 1 - turn for turn in turns)
    return [item for item, taker in zip(dealt, takers, strict=True) if taker == rank]


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Texts one after the other in a row; positions begin again with each of them."""

    ids_1T: Tensor
    labels_1T: Tensor
    positions_1T: Tensor
    lengths: tuple[int, ...]

    def to(self, device: torch.device) -> "MicroBatch":
        """The same on a device."""
        return MicroBatch(
            self.ids_1T.to(device),
            self.labels_1T.to(device),
            self.positions_1T.to(device),
            self.lengths,
        )


def micro_batches(encoded: Sequence[Encoded], max_tokens: int) -> list[list[Encoded]]:
    """Groups of at most `max_tokens` tokens; a longer text stands alone.

    Longest first into the first group with room (first-fit decreasing), which fills groups to within
    about a fifth of the best possible.
    """
    groups: list[list[Encoded]] = []
    room: list[int] = []
    for text in sorted(encoded, key=lambda text: len(text.ids), reverse=True):
        size = len(text.ids)
        place = next((place for place, left in enumerate(room) if size <= left), None)
        if place is None:
            groups.append([text])
            room.append(max_tokens - size)
        else:
            groups[place].append(text)
            room[place] -= size
    return groups


def pack(texts: Sequence[Encoded]) -> MicroBatch:
    """A group as one row. No text is asked for the first token of the next."""
    labels = [[IGNORE, *text.labels[1:]] for text in texts]
    lengths = tuple(len(text.ids) for text in texts)
    return MicroBatch(
        torch.tensor([[token for text in texts for token in text.ids]]),
        torch.tensor([[label for part in labels for label in part]]),
        torch.cat([torch.arange(length) for length in lengths])[None],
        lengths,
    )
