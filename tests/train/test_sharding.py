"""A model shared out over workers (FSDP2, gloo) learns what one learns, and goes on with any number."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from tests.train.sharded import MEASURED, WEIGHTS
from tests.training_sets import TRAIN
from train.sharding import Part

ROOT = Path(__file__).parents[2]
FULL = TRAIN.model_copy(update={"method": "full", "learning_rate": 1e-3, "batch_size": 5})

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Run:
    """What workers left in their folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.weights = load_file(folder / WEIGHTS)
        self.measured = json.loads((folder / MEASURED).read_text())

    def metric(self, name: str) -> Any:
        return self.measured["metrics"][name]

    def differs_by(self, other: "Run") -> float:
        assert self.weights.keys() == other.weights.keys()
        return max(float((self.weights[n] - other.weights[n]).abs().max()) for n in self.weights)


def train(folder: Path, model: str, world: int, **changes: Any) -> Run:
    folder.mkdir()
    train = {**FULL.model_dump(mode="json"), **changes.pop("train", {})}
    job = {"model": model, "dtype": "float32", "train": train, "stop": None, "restore": None}
    job |= {"rendezvous": str(folder / "meeting"), **changes}
    (folder / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "tests.train.sharded"]
    workers = [
        subprocess.Popen(
            [*command, str(rank), str(world), str(folder / "job.json"), str(folder)],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(world)
    ]  # fmt: skip
    for worker in workers:
        said = worker.communicate(timeout=200)[1]
        assert worker.returncode == 0, said
    return Run(folder)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, tiny_model: str) -> Run:
    return train(tmp_path_factory.mktemp("alone") / "run", tiny_model, 1)


@pytest.mark.parametrize("world", [2, pytest.param(3, marks=pytest.mark.long)])
def test_shared_model_reaches_the_weights_of_one_worker(
    tmp_path: Path, tiny_model: str, alone: Run, world: int
) -> None:
    shared = train(tmp_path / "run", tiny_model, world)
    assert shared.differs_by(alone) < 1e-4
    for name in ("train_loss", "validation_loss", "tokens"):
        assert shared.metric(name) == pytest.approx(alone.metric(name), rel=1e-4)
    norms = [[row["gradient_norm"] for row in run.measured["curve"]] for run in (shared, alone)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)
    assert shared.measured["kept"] < 1.1 * alone.measured["kept"] / world


@pytest.mark.long
@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (2, 3)])
def test_stopped_run_goes_on_with_other_workers(
    tmp_path: Path, tiny_model: str, alone: Run, before: int, after: int
) -> None:
    stopped = train(tmp_path / "stopped", tiny_model, before, stop=2)
    resumed = train(tmp_path / "resumed", tiny_model, after, restore=str(stopped.folder))
    assert resumed.metric("steps") == alone.metric("steps")
    assert resumed.differs_by(alone) < 1e-4


@pytest.mark.long
def test_shared_model_keeps_the_weights_of_its_best_evaluation(
    tmp_path: Path, tiny_model: str
) -> None:
    rising = {"eval_steps": 1, "keep": "best", "learning_rate": 1.0, "epochs": 1, "batch_size": 3}
    best = train(tmp_path / "best", tiny_model, 2, train=rising)
    assert (best.metric("best_step"), best.metric("steps")) == (1, 3)
    first = train(tmp_path / "first", tiny_model, 2, train=rising, stop=1)
    assert best.differs_by(first) == 0.0


@given(st.integers(1, 40), st.integers(1, 9))
def test_parts_of_a_tensor_make_it_whole(rows: int, world: int) -> None:
    whole = torch.arange(rows * 3).reshape(rows, 3)
    parts = [Part(rank, world).of(whole) for rank in range(world)]
    assert torch.equal(torch.cat(parts), whole)
    assert [len(part) for part in parts] == [len(chunk) for chunk in torch.chunk(whole, world)] + [
        0
    ] * (world - len(torch.chunk(whole, world)))
