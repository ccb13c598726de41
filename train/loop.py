"""What every worker of a run executes: build, restore, step, report, and export at the end.

Ray only for rank, device, checkpoints in and out, and the live progress; the training is `fit`.
`ray_train.report` is a barrier that every worker must call equally often, and Ray takes reports at
its own pace, so it is called only with a checkpoint; each step goes to the `board` instead, an
actor that answers nobody.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from ray import train as ray_train
from ray.train import Checkpoint
from ray.train.torch import get_device

from cluster.errors import GateError
from cluster.models import base_model_path
from cluster.session import Session
from train import checkpoint
from train.curve import Curve
from train.export import export, export_model, merged
from train.fit import DivergedError, Fit
from train.guard import ChoiceQuestion, Guard
from train.job import Job, curve_prefix
from train.material import Material, load_material
from train.methods import makes_adapter
from train.model import AnswerLoss, Base, build_model
from train.optimiser import Alone, Peers
from train.preflight import check_effect, check_model
from train.sharding import whole_state

RESULT = "result"
"""Folder of the finished adapter or model in the last checkpoint of a run."""


class Group:
    """The workers of a run, joined by torch.distributed (gloo or NCCL)."""

    def __init__(self, rank: int, world: int) -> None:
        self.rank = rank
        self.world = world

    def add(self, values: torch.Tensor) -> None:
        """Sum over the workers, in place."""
        torch.distributed.all_reduce(values)


def train_worker(config: dict[str, Any]) -> None:
    """Entry point of a worker.

    `config`: `job`, `threads` for the CPU, `board` (actor handle), `questions` of the guard.
    """
    job: Job = config["job"]
    torch.set_num_threads(config["threads"])
    with Session.for_worker(job.settings) as session:
        worker = Worker(job, session, config["questions"])
        worker.restore()
        try:
            while not worker.fit.done:
                loss = worker.fit.step()
                if worker.first:
                    config["board"].post.remote(worker.state(loss))
                if worker.is_due():
                    worker.report()
        except DivergedError as error:  # it would happen again: no reason to retry
            worker.report(str(error))
            return
        worker.finish()


class Worker:
    """One worker: the parts of its fit and where its results go."""

    def __init__(self, job: Job, session: Session, questions: Sequence[ChoiceQuestion]) -> None:
        from transformers import AutoTokenizer

        context = ray_train.get_context()
        world = context.get_world_size()
        self._base = Base(base_model_path(job.settings), job.dtype, str(get_device()))
        self.first = context.get_world_rank() == 0
        self._job = job
        self._resumed_step: int | None = None
        self._noticed = False
        train = job.settings.train
        self._curve = Curve(session.store, curve_prefix(job), train.tensorboard)
        self._tokenizer = AutoTokenizer.from_pretrained(self._base.path)
        self._model = build_model(self._base, train, world)
        peers: Peers = Alone() if world == 1 else Group(context.get_world_rank(), world)
        self._loss = AnswerLoss(self._model, job.dtype)
        found = material(job, session, self._tokenizer)
        self.fit = Fit(self._model, self._loss, found, train, peers)
        asks = self.first or self.fit.optimiser.sharded
        self._guard = Guard(questions, self._tokenizer, train) if questions and asks else None
        if self._guard is not None:  # an untrained adapter changes nothing: this is the base model
            self._guard.begin(self._model, self._loss)

    def is_due(self) -> bool:
        """Whether this step ends in a checkpoint; the last one does anyway.

        Once, when Ray hears that a node will be taken away, so that nothing is lost with it. Asking
        Ray waits for all workers.
        """
        notice = ray_train.get_preemption_info() is not None and not self._noticed
        self._noticed = self._noticed or notice
        every = self._job.settings.train.checkpoint_steps
        return (notice or self.fit.progress.step % every == 0) and not self.fit.done

    def restore(self) -> None:
        """Go on from the run's last checkpoint, if it has one."""
        last = ray_train.get_checkpoint()
        if last is not None:
            with last.as_directory() as folder:
                checkpoint.restore(self.fit, Path(folder))
            self._resumed_step = self.fit.progress.step
        if self.first:
            self._curve.forget_after(self.fit.progress.step)

    def state(self, loss: float) -> dict[str, float]:
        """What the board shows."""
        progress = self.fit.progress
        speed = progress.tokens / progress.seconds
        return {"step": progress.step, "loss": loss, "tokens_per_second": speed}

    def report(self, problem: str | None = None) -> None:
        """A checkpoint to the object store; returns when it is there. A `problem` ends the run."""
        with tempfile.TemporaryDirectory() as folder:
            self._report(Path(folder), {"problem": problem})

    def finish(self) -> None:
        """The last checkpoint, with what was trained and whether it changes the output."""
        with tempfile.TemporaryDirectory() as name:
            folder, problem = Path(name), None
            self.fit.keep_best()
            guard = self._guard and self._guard.tell(self._model, self._loss)
            try:
                self._export(folder / RESULT)
            except GateError as error:  # no reason to retry the run: the driver decides
                problem = str(error)
            self._report(folder, {"problem": problem, "guard": guard})

    def _export(self, folder: Path) -> None:
        """Write what was trained; GateError when it does not work."""
        if not (self.first or self.fit.optimiser.sharded):
            return
        if makes_adapter(self._job.settings.train):
            export(self._model, self._tokenizer, self._job.base, folder)
            check_effect(self._model.unload(), self._tokenizer, folder)
            return
        whole = merged(self._model)
        state = whole_state(
            whole, self._job.dtype, keep=self.first
        )  # of all workers, where sharded
        if self.first:
            export_model(whole, state, self._tokenizer, folder)
            check_model(folder, self._base, self._tokenizer)

    def _report(self, folder: Path, extra: dict[str, Any]) -> None:
        resumed = {"resumed_step": self._resumed_step}
        metrics = {**self.fit.progress.metrics(), **resumed, **extra}
        if self.first:
            self._curve.write(self.fit.curve)
        if self.first or self.fit.optimiser.sharded:  # parts of all workers meet in one checkpoint
            checkpoint.save(self.fit, folder)
            ray_train.report(metrics, checkpoint=Checkpoint.from_directory(folder))
        else:
            ray_train.report(metrics)
        self.fit.curve.clear()


def material(job: Job, session: Session, tokenizer: Any) -> Material:
    """The records of a run and how they are encoded."""
    settings = job.settings.train
    return load_material(session.datasets, job.dataset, job.mode, settings, tokenizer, job.seed)
