"""One worker's part of a run: steps over the schedule, from wherever a checkpoint left off.

Plain torch: it knows neither Ray nor files. Everything random in a step comes from a seed of run,
step and rank, so a resumed run repeats dropout exactly and ends in the weights of one that was
never stopped.
"""

import time
from collections.abc import Sequence
from typing import Any

import torch

from cluster.keys import seed_of
from cluster.settings import TrainSettings
from train.batches import MicroBatch, micro_batches, pack, share
from train.encoding import IGNORE, Encoded, Item
from train.material import Material
from train.model import AnswerLoss, trained_weights
from train.optimiser import NotFiniteError, Optimiser, Peers
from train.progress import Progress

_SHOWN_IDS = 8
_NOTHING = Encoded([0, 0], [IGNORE, IGNORE])  # a text that teaches nothing


class DivergedError(ArithmeticError):
    """A step whose loss or gradient is not a number; the weights are those of the step before it."""

    def __init__(self, step: int, examples: Sequence[str], what: str) -> None:
        shown = ", ".join(examples[:_SHOWN_IDS])
        more = f" and {len(examples) - _SHOWN_IDS} more" if len(examples) > _SHOWN_IDS else ""
        super().__init__(
            f"step {step}: {what}; examples of its batch: {shown}{more}. Lower train.learning_rate or "
            "train.clip_norm, or look at these records; the last checkpoint has the weights before "
            "this step"
        )


class Fit:
    """The training of one model on one worker."""

    def __init__(
        self,
        model: Any,
        loss: AnswerLoss,
        material: Material,
        settings: TrainSettings,
        peers: Peers,
    ) -> None:
        self.progress = Progress()
        self.curve: list[dict[str, Any]] = []
        self.best: dict[str, torch.Tensor] = {}
        weights, steps = trained_weights(model), material.schedule.steps
        self.optimiser = Optimiser(weights, settings, steps, peers)
        self._model = model
        self._loss = loss
        self._material = material
        self._settings = settings
        self._peers = peers
        model.train()

    @property
    def done(self) -> bool:
        """Whether all steps of the schedule are made, or no more are worth it."""
        return self.progress.stopped or self.progress.step >= self._material.schedule.steps

    def step(self) -> float:
        """One update on the next global batch; returns its mean loss. Evaluates where it is due.

        What it measured is added to `curve`. DivergedError, before anything changes, when loss or
        gradient is not finite.
        """
        started = time.perf_counter()
        progress, schedule = self.progress, self._material.schedule
        epoch, batch = schedule.batch(progress.step)
        if progress.step == epoch * schedule.steps_per_epoch:
            progress.begin_epoch()
        torch.manual_seed(seed_of(self._material.seed, progress.step, self._peers.rank))
        self._accumulate(share(batch, self._peers.rank, self._peers.world), epoch)
        try:
            counts = self.optimiser.update(progress.step)
        except NotFiniteError as error:
            ids = [item.id for item in batch]
            raise DivergedError(progress.step + 1, ids, str(error)) from error
        seconds = time.perf_counter() - started
        progress.add(counts, seconds)
        validation = self._evaluate() if self._evaluates else None
        loss = counts["loss"] / max(counts["supervised"], 1.0)
        self.curve.append({
            "step": progress.step, "epoch": epoch, "loss": loss,
            "learning_rate": counts["learning_rate"], "gradient_norm": counts["gradient_norm"],
            "tokens": int(counts["tokens"]), "seconds": seconds, "validation_loss": validation,
        })  # fmt: skip
        return loss

    def keep_best(self) -> None:
        """Put the weights of the best evaluation in place, where the settings ask for them."""
        with torch.no_grad():
            for name, weight in self.best.items():
                self.optimiser.weights[name].copy_(weight)

    @property
    def _evaluates(self) -> bool:
        """Whether an evaluation is due: after `eval_steps`, or an epoch, and at the end."""
        step, schedule = self.progress.step, self._material.schedule
        every = self._settings.eval_steps or schedule.steps_per_epoch
        return step % every == 0 or step == schedule.steps

    def _evaluate(self) -> float | None:
        loss = self.validate()
        if self.progress.evaluate(loss, self._settings) and self._settings.keep == "best":
            weights = self.optimiser.weights.items()
            self.best = {name: weight.detach().clone() for name, weight in weights}
        return loss

    def validate(self) -> float | None:
        """Mean loss per supervised token over the validation examples; None without any."""
        share_of = self._material.validation[self._peers.rank :: self._peers.world]
        texts, _ = self._encode(share_of, epoch=0)
        totals = torch.zeros(2, device=self.optimiser.device)
        self._model.eval()
        with torch.no_grad():
            for group in self._groups(texts):
                totals[0] += self._loss(self._on_device(group))
                totals[1] += sum(text.supervised for text in group)
        self._model.train()
        self._peers.add(totals)
        loss, supervised = totals.tolist()
        return loss / supervised if supervised else None

    def _accumulate(self, examples: Sequence[Item], epoch: int) -> None:
        texts, skipped = self._encode(examples, epoch)
        self.optimiser.count(skipped=skipped)
        for group in self._groups(texts):
            loss = self._loss(self._on_device(group))
            loss.backward()
            self.optimiser.count(
                loss=loss.detach(),
                supervised=sum(text.supervised for text in group),
                tokens=sum(len(text.ids) for text in group if text is not _NOTHING),
            )

    def _encode(self, examples: Sequence[Item], epoch: int) -> tuple[list[Encoded], int]:
        tried = [self._material.encoding.texts(example, epoch) for example in examples]
        return [text for texts in tried for text in texts], sum(not texts for texts in tried)

    def _groups(self, texts: Sequence[Encoded]) -> list[list[Encoded]]:
        """Micro-batches; as many as every other worker has where all must pass the model together."""
        tokens = self._settings.micro_batch_tokens if self._settings.packing else 1
        groups = micro_batches(texts, tokens)
        if self.optimiser.sharded:
            counts = torch.zeros(self._peers.world, device=self.optimiser.device)
            counts[self._peers.rank] = len(groups)
            self._peers.add(counts)
            groups += [[_NOTHING]] * (int(counts.max()) - len(groups))
        return groups

    def _on_device(self, group: Sequence[Encoded]) -> MicroBatch:
        return pack(group).to(self.optimiser.device)
