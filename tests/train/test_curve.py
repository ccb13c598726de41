"""The curve of a run has every step once, also after an interruption."""

from typing import Any

import pytest

from cluster.objects import LocalStore
from train.curve import Curve


def rows(first: int, last: int) -> list[dict[str, Any]]:
    return [
        {
            "step": step, "epoch": 0, "loss": 1.0 / step, "learning_rate": 0.1, "gradient_norm": 2.0,
            "tokens": 10, "seconds": 0.5, "validation_loss": 0.25 if step % 2 else None,
        }
        for step in range(first, last + 1)
    ]  # fmt: skip


def test_curve_is_read_as_it_was_written(store: LocalStore) -> None:
    curve = Curve(store, "runs/r/metrics", events=False)
    curve.write(rows(1, 3))
    curve.write([])
    curve.write(rows(4, 12))
    assert curve.read().to_pylist() == rows(1, 12)


def test_curve_without_steps_is_empty(store: LocalStore) -> None:
    assert Curve(store, "runs/r/metrics", events=False).read().num_rows == 0


def test_curve_of_a_run_that_goes_on_has_every_step_once(store: LocalStore) -> None:
    curve = Curve(store, "runs/r/metrics", events=False)
    curve.write(rows(1, 10))
    curve.write(rows(11, 20))  # its checkpoint was never written
    again = Curve(store, "runs/r/metrics", events=False)
    again.forget_after(10)
    again.write(rows(11, 15))
    again.write(rows(16, 18))
    assert again.read().to_pylist() == rows(1, 18)


def test_curve_of_a_run_that_begins_anew_forgets_all(store: LocalStore) -> None:
    curve = Curve(store, "runs/r/metrics", events=False)
    curve.write(rows(1, 10))
    curve.forget_after(0)
    assert curve.read().num_rows == 0


def test_curve_with_events_is_read_by_tensorboard(store: LocalStore) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curve = Curve(store, "runs/r/metrics", events=True)
    curve.write(rows(1, 3))
    curve.write(rows(4, 5))
    found = EventAccumulator(str(store.root / "runs/r/metrics"))
    found.Reload()
    assert found.Tags()["scalars"]
    curve.forget_after(3)
    assert curve.read().num_rows == 3
