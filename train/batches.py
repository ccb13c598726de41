"""Which examples make which step, for any number of workers.

The global batch of a step depends on seed and step alone. Workers share it out, so a run may stop
at any step and go on with more or fewer of them. Texts of a micro-batch are of similar length.
Letters: B texts of a micro-batch, T tokens of its longest text.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cluster.keys import seed_of
from train.encoding import IGNORE, Encoded, Item


@dataclass(frozen=True)
class Schedule:
    """The order of examples over all epochs; the last batch of an epoch may be smaller."""

    examples: Sequence[Item]
    batch_size: int
    epochs: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in an epoch."""
        return -(-len(self.examples) // self.batch_size)

    @property
    def steps(self) -> int:
        """Optimizer steps in the whole run."""
        return self.steps_per_epoch * self.epochs

    def batch(self, step: int) -> tuple[int, list[Item]]:
        """Epoch and global batch of step `step`, counted from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = list(range(len(self.examples)))
        random.Random(seed_of("order", self.seed, epoch)).shuffle(order)
        chosen = order[place * self.batch_size : (place + 1) * self.batch_size]
        return epoch, [self.examples[index] for index in chosen]


def share(batch: Sequence[Item], rank: int, world: int) -> list[Item]:
    """The part of a global batch that one of `world` workers takes; parts are of similar size."""
    return sorted(batch, key=lambda item: (item.size, item.id))[rank::world]


def micro_batches(encoded: Sequence[Encoded], max_tokens: int) -> list[list[Encoded]]:
    """Groups of at most `max_tokens` tokens with padding, longest first; a longer text stands alone."""
    groups: list[list[Encoded]] = []
    for text in sorted(encoded, key=lambda text: len(text.ids), reverse=True):
        if groups and (len(groups[-1]) + 1) * len(groups[-1][0].ids) <= max_tokens:
            groups[-1].append(text)
        else:
            groups.append([text])
    return groups


def pad(texts: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
    """`ids_BT` and `labels_BT`, padded on the right.

    Attention is causal, so no real token sees the padding, and padding has no label: no mask needed.
    """
    longest = max(len(text.ids) for text in texts)
    ids = [text.ids + [0] * (longest - len(text.ids)) for text in texts]
    labels = [text.labels + [IGNORE] * (longest - len(text.ids)) for text in texts]
    return torch.tensor(ids), torch.tensor(labels)
