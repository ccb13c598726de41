"""Two workers of Ray Train against `torchrun` with the same two: python -m tests.bench.workers [pairs]

The first layers of SmolLM2-135M in float32, a RAFT-like set of random facts, gloo on the CPU. Both run the
same fit; tokens a second are of its steps, so start and end do not count. Arms alternate; wall time, so it
wants a quiet machine.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from cluster.console import Console
from cluster.session import Session
from cluster.settings import ModelSettings, RaySettings, Settings, TrainSettings
from tests.bench.engine import cut_model
from tests.bench.measure import report
from tests.training_sets import publish_set
from train.cli import train_adapter
from train.fit import Fit
from train.job import make_job
from train.loop import Group, material
from train.model import AnswerLoss, Base, build_model

EXAMPLES, LAYERS, WORKERS = 64, 6, 2


def settings_in(home: Path, model: str, seed: int) -> Settings:
    """Of one run; another seed is another run."""
    train = TrainSettings(
        num_workers=WORKERS, cpus_per_worker=1, epochs=2, batch_size=4, seed=seed,
        checkpoint_steps=10**6, validation_examples=0,
    )  # fmt: skip
    models = ModelSettings(base=model, dtype="float32")
    return Settings(home=home, models=models, ray=RaySettings(num_cpus=WORKERS), train=train)


def with_ray(settings: Settings) -> float:
    """Tokens a second of the run by Ray Train."""
    with Session(settings, Console(quiet=True)) as session:
        return float(train_adapter(session, "lamps", "lamp", "raft")["tokens_per_second"])


def with_torchrun(settings: Settings, folder: Path) -> float:
    """The same by torchrun."""
    config, out = folder / "settings.json", folder / "speed.json"
    config.write_text(settings.model_dump_json())
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(WORKERS), "-m",
        "tests.bench.workers", str(config), str(out),
    ]  # fmt: skip
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return float(json.loads(out.read_text()))


def be_worker(config: Path, out: Path) -> None:
    """One process of torchrun."""
    torch.distributed.init_process_group("gloo")
    torch.set_num_threads(1)
    settings = Settings.model_validate_json(config.read_text())
    session = Session(settings, Console(quiet=True))
    job = make_job(session, "lamps", "raft")
    model = build_model(Base(settings.models.base, "float32"), settings.train)
    rank = torch.distributed.get_rank()
    fit = Fit(
        model,
        AnswerLoss(model, "float32"),
        material(job, session, AutoTokenizer.from_pretrained(settings.models.base)),
        settings.train,
        Group(rank, WORKERS),
    )
    while not fit.done:
        fit.step()
    if rank == 0:
        out.write_text(json.dumps(fit.progress.metrics()["tokens_per_second"]))
    torch.distributed.destroy_process_group()


def main(pairs: int = 3) -> None:
    """Print both speeds and their ratio."""
    found: dict[str, Any] = {"ray": [], "torchrun": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = cut_model(LAYERS, folder / "model")
        with Session(settings_in(folder / "home", model, 0), Console(quiet=True)) as session:
            publish_set(session.store, EXAMPLES)
            session.start_ray()
            for seed in range(pairs):
                settings = settings_in(folder / "home", model, seed)
                for arm in ("ray", "torchrun") if seed % 2 else ("torchrun", "ray"):
                    speed = with_ray(settings) if arm == "ray" else with_torchrun(settings, folder)
                    found[arm].append(round(speed, 1))
    ratios = [ray / run for ray, run in zip(found["ray"], found["torchrun"], strict=True)]
    ratio = {"ratio": round(statistics.median(ratios), 3),
             "range": [round(min(ratios), 3), round(max(ratios), 3)]}  # fmt: skip
    report("Ray Train against torchrun", {**found, **ratio, "pairs": pairs})


if __name__ == "__main__":
    if len(sys.argv) == 3:
        be_worker(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
