"""How far a run is and how it does: what travels in its checkpoints beside the weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cluster.settings import TrainSettings


@dataclass
class Progress:
    """How far a run is.

    `loss` and `supervised` sum over the current epoch, `skipped` counts its examples that did not
    fit; `tokens` and `seconds` sum over all steps. `validation` holds the mean loss of each evaluation,
    `best_step` the step of the lowest, `stale` how many came since without a lower one; `stopped` says
    that training ended early for that.
    """

    step: int = 0
    loss: float = 0.0
    supervised: float = 0.0
    skipped: float = 0.0
    tokens: float = 0.0
    seconds: float = 0.0
    validation: list[float | None] = field(default_factory=list)
    best_loss: float | None = None
    best_step: int = 0
    stale: int = 0
    stopped: bool = False

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

    def evaluate(self, loss: float | None, settings: TrainSettings) -> bool:
        """Take the loss of an evaluation; whether it is the lowest so far."""
        self.validation.append(loss)
        if loss is None:
            return False
        before, patience = self.best_loss, settings.early_stopping_patience
        enough = before is None or loss < before - settings.early_stopping_delta
        self.stale = 0 if enough else self.stale + 1
        self.stopped = patience is not None and self.stale >= patience
        if before is not None and loss >= before:
            return False
        self.best_loss, self.best_step = loss, self.step
        return True

    def metrics(self) -> dict[str, Any]:
        """What a run reports: losses per supervised token, speed in tokens a second."""
        return {
            "steps": self.step,
            "train_loss": self.loss / self.supervised if self.supervised else None,
            "validation_loss": self.validation[-1] if self.validation else None,
            "validation_losses": list(self.validation),
            "best_step": self.best_step,
            "best_loss": self.best_loss,
            "stopped_early": self.stopped,
            "tokens": int(self.tokens),
            "tokens_per_second": self.tokens / self.seconds if self.seconds else 0.0,
            "skipped": int(self.skipped),
        }

    def as_json(self) -> dict[str, Any]:
        """The fields, for a checkpoint."""
        return asdict(self)
