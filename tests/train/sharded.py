"""A worker of a run that shares its model out: python -m tests.train.sharded RANK WORLD JOB FOLDER

JOB is a JSON file: `model`, `dtype`, `train` (settings), `rendezvous` (a path), `stop` (steps to make, none
for all) and `restore` (a folder, or none). FOLDER gets a checkpoint after the last step, and from worker 0
the whole weights and what was measured.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer

from cluster.settings import TrainSettings
from tests.training_sets import examples
from train import checkpoint
from train.batches import Schedule
from train.examples import Encoder
from train.fit import Fit
from train.loop import Group
from train.material import Material
from train.model import AnswerLoss, Base, build_model
from train.optimiser import Alone, Peers
from train.sharding import whole_state

WEIGHTS, MEASURED = "whole.safetensors", "measured.json"


def main(rank: int, world: int, job: dict[str, Any], folder: Path) -> None:
    """One worker's run."""
    torch.set_num_threads(1)
    peers: Peers = Alone()
    if world > 1:
        meeting = f"file://{job['rendezvous']}"
        torch.distributed.init_process_group("gloo", meeting, rank=rank, world_size=world)
        peers = Group(rank, world)
    settings = TrainSettings(**job["train"])
    model = build_model(Base(job["model"], job["dtype"]), settings, world)
    encoder = Encoder(AutoTokenizer.from_pretrained(job["model"]), "raft", 512, settings.seed)
    schedule = Schedule(examples(9), settings.batch_size, settings.epochs, settings.seed)
    material = Material(schedule, examples(3, "validation"), encoder, seed=11)
    fit = Fit(model, AnswerLoss(model, job["dtype"]), material, settings, peers)
    if job["restore"]:
        checkpoint.restore(fit, Path(job["restore"]))
    while not fit.done and fit.progress.step != job["stop"]:
        fit.step()
    checkpoint.save(fit, folder)
    fit.keep_best()
    state = whole_state(model, "float32", keep=rank == 0)
    if rank == 0:
        save_file({name: weight.contiguous() for name, weight in state.items()}, folder / WEIGHTS)
        kept = sum(weight.numel() for weight in fit.optimiser.weights.values())
        measured = {"curve": fit.curve, "metrics": fit.progress.metrics(), "kept": kept}
        (folder / MEASURED).write_text(json.dumps(measured))
    if world > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    _, number, count, path, out = sys.argv
    main(int(number), int(count), json.loads(Path(path).read_text()), Path(out))
