"""One worker's part of a run: steps over the schedule, from wherever a checkpoint left off.

Plain torch: it knows neither Ray nor files. Everything random in a step comes from a seed of run,
step and rank, so a resumed run repeats dropout exactly and ends in the weights of one that was
never stopped.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from cluster.keys import seed_of
from cluster.settings import TrainSettings
from train.batches import micro_batches, pad, share
from train.encoding import Encoded, Item
from train.material import Material
from train.model import AnswerLoss, adapter_weights
from train.optimiser import Optimiser, Peers


@dataclass
class Progress:
    """How far a run is; travels in its checkpoints.

    `loss` and `supervised` sum over the current epoch, `skipped` counts its examples that did not
    fit; `tokens` and `seconds` sum over all steps. `validation` holds the mean loss per epoch.
    """

    step: int = 0
    loss: float = 0.0
    supervised: float = 0.0
    skipped: float = 0.0
    tokens: float = 0.0
    seconds: float = 0.0
    validation: list[float | None] = field(default_factory=list)

    def begin_epoch(self) -> None:
        """Start the sums of an epoch afresh."""
        self.loss = self.supervised = self.skipped = 0.0

    def add(self, counts: Mapping[str, float], seconds: float) -> None:
        """Count one finished step."""
        self.step += 1
        self.loss += counts["loss"]
        self.supervised += counts["supervised"]
        self.skipped += counts["skipped"]
        self.tokens += counts["tokens"]
        self.seconds += seconds

    def metrics(self) -> dict[str, Any]:
        """What a run reports: losses per supervised token, speed in tokens a second."""
        return {
            "steps": self.step,
            "train_loss": self.loss / self.supervised if self.supervised else None,
            "validation_loss": self.validation[-1] if self.validation else None,
            "validation_losses": list(self.validation),
            "tokens": int(self.tokens),
            "tokens_per_second": self.tokens / self.seconds if self.seconds else 0.0,
            "skipped": int(self.skipped),
        }

    def as_json(self) -> dict[str, Any]:
        """The fields, for a checkpoint."""
        return asdict(self)


class Fit:
    """The training of one adapter on one worker."""

    def __init__(
        self,
        model: Any,
        loss: AnswerLoss,
        material: Material,
        settings: TrainSettings,
        peers: Peers,
    ) -> None:
        self.progress = Progress()
        self.optimiser = Optimiser(adapter_weights(model), settings, material.schedule.steps)
        self._model = model
        self._loss = loss
        self._material = material
        self._settings = settings
        self._peers = peers
        model.train()

    @property
    def done(self) -> bool:
        """Whether all steps of the schedule are made."""
        return self.progress.step >= self._material.schedule.steps

    def step(self) -> float:
        """One update on the next global batch; returns its mean loss. Ends an epoch with validation."""
        started = time.perf_counter()
        progress, schedule = self.progress, self._material.schedule
        epoch, batch = schedule.batch(progress.step)
        if progress.step == epoch * schedule.steps_per_epoch:
            progress.begin_epoch()
        torch.manual_seed(seed_of(self._material.seed, progress.step, self._peers.rank))
        self._accumulate(share(batch, self._peers.rank, self._peers.world), epoch)
        counts = self.optimiser.update(progress.step, self._peers)
        progress.add(counts, time.perf_counter() - started)
        if progress.step % schedule.steps_per_epoch == 0:
            progress.validation.append(self.validate())
        return counts["loss"] / max(counts["supervised"], 1.0)

    def validate(self) -> float | None:
        """Mean loss per supervised token over the validation examples; None without any."""
        share_of = self._material.validation[self._peers.rank :: self._peers.world]
        texts, _ = self._encode(share_of, epoch=0)
        totals = torch.zeros(2, device=self._device)
        self._model.eval()
        with torch.no_grad():
            for group in micro_batches(texts, self._settings.micro_batch_tokens):
                totals[0] += self._loss(*self._on_device(group))
                totals[1] += sum(text.supervised for text in group)
        self._model.train()
        self._peers.add(totals)
        loss, supervised = totals.tolist()
        return loss / supervised if supervised else None

    def _accumulate(self, examples: Sequence[Item], epoch: int) -> None:
        texts, skipped = self._encode(examples, epoch)
        self.optimiser.count(skipped=skipped)
        for group in micro_batches(texts, self._settings.micro_batch_tokens):
            loss = self._loss(*self._on_device(group))
            loss.backward()
            self.optimiser.count(
                loss=loss.detach(),
                supervised=sum(text.supervised for text in group),
                tokens=sum(len(text.ids) for text in group),
            )

    def _encode(self, examples: Sequence[Item], epoch: int) -> tuple[list[Encoded], int]:
        tried = [self._material.encoding.texts(example, epoch) for example in examples]
        return [text for texts in tried for text in texts], sum(not texts for texts in tried)

    @property
    def _device(self) -> torch.device:
        return next(iter(self.optimiser.weights.values())).device

    def _on_device(self, group: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
        ids_BT, labels_BT = pad(group)
        return ids_BT.to(self._device), labels_BT.to(self._device)
