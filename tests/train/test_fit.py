"""Training is the same for one worker, several, and after an interruption; and it learns."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from cluster.settings import TrainSettings
from tests.training_sets import TRAIN, chats, examples, packed_texts
from train import checkpoint
from train.batches import Schedule
from train.conversations import ConversationEncoder
from train.encoding import Encoding, Item
from train.examples import Encoder
from train.fit import DivergedError, Fit
from train.material import Material
from train.model import AnswerLoss, Base, build_model
from train.modes import MODES, Mode
from train.optimiser import Alone, Peers, learning_rate
from train.packed_texts import PackedTextEncoder


class Threads:
    """Workers as threads of one process: `add` is a real sum with a real barrier."""

    def __init__(self, rank: int, shared: dict[str, Any]) -> None:
        self.rank, self.world = rank, shared["barrier"].parties
        self._shared = shared

    def add(self, values: torch.Tensor) -> None:
        self._shared[self.rank] = values.clone()
        self._shared["barrier"].wait()
        values.copy_(sum(self._shared[rank] for rank in range(self.world)))
        self._shared["barrier"].wait()


class Making:
    """Builds fits over the same examples and model."""

    def __init__(self, model: str, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer

    def fit(
        self, settings: TrainSettings = TRAIN, peers: Peers | None = None, mode: Mode = "raft"
    ) -> Fit:
        model = build_model(Base(self._model, "float32"), settings)
        train, validation, encoding = self._material(mode, settings)
        material = Material(
            Schedule(train, settings.batch_size, settings.epochs, settings.seed),
            validation,
            encoding,
            seed=11,
        )
        return Fit(model, AnswerLoss(model, "float32"), material, settings, peers or Alone())

    def _material(
        self, mode: Mode, settings: TrainSettings
    ) -> tuple[Sequence[Item], Sequence[Item], Encoding]:
        tokenizer, limit = self._tokenizer, settings.max_tokens
        if mode == "instruct":
            return chats(9), chats(3, "validation"), ConversationEncoder(tokenizer, limit)
        if mode == "cpt":
            return (
                packed_texts(9),
                packed_texts(3, "validation"),
                PackedTextEncoder(tokenizer, limit),
            )
        encoder = Encoder(tokenizer, mode, limit, settings.seed)
        return examples(9), examples(3, "validation"), encoder


@pytest.fixture(scope="module")
def making(tiny_model: str, tokenizer: Any) -> Making:
    return Making(tiny_model, tokenizer)


def finish(fit: Fit) -> Fit:
    while not fit.done:
        fit.step()
    return fit


def difference(left: Fit, right: Fit) -> float:
    pairs = zip(left.optimiser.weights.values(), right.optimiser.weights.values(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


@pytest.mark.parametrize("mode", MODES)
def test_fit_lowers_the_loss_and_reports_it(making: Making, mode: Mode) -> None:
    fit = making.fit(TRAIN.model_copy(update={"epochs": 6}), mode=mode)
    first = fit.step()
    metrics = finish(fit).progress.metrics()
    assert metrics["steps"] == 6 * 3
    assert metrics["train_loss"] < first - 1.0
    assert len(metrics["validation_losses"]) == 6
    assert metrics["validation_loss"] < metrics["validation_losses"][0]
    assert metrics["tokens_per_second"] > 0


def test_fit_interrupted_and_restored_ends_in_the_same_weights(
    making: Making, tmp_path: Path
) -> None:
    settings = TRAIN.model_copy(update={"lora_dropout": 0.2})
    whole = finish(making.fit(settings))
    stopped = making.fit(settings)
    for _ in range(2):
        stopped.step()
    checkpoint.save(stopped, tmp_path)
    resumed = making.fit(settings)
    checkpoint.restore(resumed, tmp_path)
    finish(resumed)
    assert difference(whole, resumed) == 0.0
    ignore = ("tokens_per_second",)
    assert {k: v for k, v in whole.progress.metrics().items() if k not in ignore} == {
        k: v for k, v in resumed.progress.metrics().items() if k not in ignore
    }


def test_checkpoint_before_the_first_step_restores(making: Making, tmp_path: Path) -> None:
    fit = making.fit()
    checkpoint.save(fit, tmp_path)
    again = making.fit()
    checkpoint.restore(again, tmp_path)
    assert difference(fit, again) == 0.0


@pytest.mark.parametrize("world", [2, 3])
def test_workers_share_a_batch_and_reach_the_weights_of_one(making: Making, world: int) -> None:
    alone = finish(making.fit())
    shared: dict[str, Any] = {"barrier": threading.Barrier(world, timeout=50)}
    fits = [making.fit(peers=Threads(rank, shared)) for rank in range(world)]
    threads = [threading.Thread(target=finish, args=(fit,)) for fit in fits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(difference(fits[0], fit) == 0.0 for fit in fits)
    assert difference(alone, fits[0]) < 1e-5
    for name in ("train_loss", "validation_loss"):
        assert fits[0].progress.metrics()[name] == pytest.approx(
            alone.progress.metrics()[name], rel=1e-4
        )
    assert fits[0].progress.tokens == alone.progress.tokens


def test_example_that_does_not_fit_is_skipped_and_counted(making: Making) -> None:
    fit = finish(making.fit(TRAIN.model_copy(update={"max_tokens": 70, "epochs": 1})))
    metrics = fit.progress.metrics()
    assert metrics["skipped"] == 9
    assert metrics["train_loss"] is None
    assert metrics["validation_loss"] is None


def test_learning_rate_warms_up_and_decays_to_a_tenth() -> None:
    settings = TRAIN.model_copy(update={"warmup_fraction": 0.1, "learning_rate": 1.0})
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[:2] == [0.1, 0.2]
    assert max(rates) == 1.0
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] == pytest.approx(0.1, abs=0.01)


def test_fit_that_diverges_stops_before_its_weights_do(making: Making) -> None:
    fit = making.fit(TRAIN.model_copy(update={"learning_rate": 1e37, "warmup_fraction": 0.0}))
    fit.step()
    before = {name: weight.detach().clone() for name, weight in fit.optimiser.weights.items()}
    with pytest.raises(DivergedError, match=r"step 2: the .* is (nan|inf); examples .*train lamp"):
        finish(fit)
    assert fit.progress.step == 1
    assert all(torch.equal(before[name], now) for name, now in fit.optimiser.weights.items())


def test_fit_keeps_the_weights_of_the_best_evaluation(making: Making) -> None:
    rising = {"eval_steps": 1, "keep": "best", "learning_rate": 0.3, "epochs": 1}
    fit = finish(making.fit(TRAIN.model_copy(update=rising)))
    losses = [loss for loss in fit.progress.validation if loss is not None]
    assert len(losses) == 3
    assert min(losses) < losses[-1]
    fit.keep_best()
    assert fit.validate() == pytest.approx(min(losses), rel=1e-5)
    assert fit.progress.metrics()["best_step"] == losses.index(min(losses)) + 1


def test_fit_that_no_longer_improves_stops_early(making: Making) -> None:
    watching = {"eval_steps": 2, "early_stopping_patience": 2, "early_stopping_delta": 100.0}
    fit = finish(making.fit(TRAIN.model_copy(update=watching)))
    assert fit.progress.metrics()["stopped_early"]
    assert fit.progress.step == 6
    assert len(fit.progress.validation) == 3


def test_fit_interrupted_remembers_its_best_weights(making: Making, tmp_path: Path) -> None:
    rising = {"eval_steps": 1, "keep": "best", "learning_rate": 0.3, "epochs": 1}
    watching = TRAIN.model_copy(update=rising)
    whole = finish(making.fit(watching))
    stopped = making.fit(watching)
    while stopped.progress.step < whole.progress.best_step + 1:
        stopped.step()
    checkpoint.save(stopped, tmp_path)
    resumed = making.fit(watching)
    checkpoint.restore(resumed, tmp_path)
    finish(resumed)
    for fit in (whole, resumed):
        fit.keep_best()
    assert difference(whole, resumed) == 0.0


def test_fit_measures_every_step(making: Making) -> None:
    fit = finish(making.fit())
    assert [row["step"] for row in fit.curve] == [1, 2, 3, 4, 5, 6]
    assert [row["epoch"] for row in fit.curve] == [0, 0, 0, 1, 1, 1]
    assert all(row["gradient_norm"] > 0 and row["tokens"] > 0 for row in fit.curve)
    evaluated = [row["validation_loss"] for row in fit.curve if row["validation_loss"] is not None]
    assert evaluated == fit.progress.validation
    assert sum(row["tokens"] for row in fit.curve) == fit.progress.tokens
