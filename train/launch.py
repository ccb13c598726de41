"""A job -> the folder of what was trained, through Ray Train; the only file with trainer settings.

The run's name makes Ray Train go on by itself where an earlier attempt stopped, after a killed
worker (within the run) as after a killed driver (the same command again). When a run is finished
its result is published under `runs/{run}/result`, manifest last: from then on Ray is not needed.
"""

import os
import re
import tempfile
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import ray
import torch
from ray.train import CheckpointConfig, FailureConfig, Result, RunConfig
from ray.train.torch import TorchTrainer
from ray.train.v2.api.exceptions import TrainingFailedError

from cluster import artifacts
from cluster.errors import GateError, InputError, OpenbookError, SettingsError
from cluster.leases import Lease
from cluster.models import base_model_path
from cluster.objects import ObjectStore, open_store
from cluster.session import Session
from cluster.settings import TrainSettings
from train.attention import check_window
from train.board import Board
from train.estimate import Estimate, check_fits, estimate_run, model_shape
from train.guard import ChoiceQuestion, read_questions
from train.job import RUNS, Job, curve_prefix, run_prefix
from train.loop import RESULT, material, train_worker
from train.material import Material
from train.meeting import NodeAddresses
from train.methods import makes_adapter
from train.model import Base
from train.placement import cpus_per_worker, memory_per_worker, scaling
from train.preflight import check_files

_KEPT_CHECKPOINTS = 2
_REFRESH_S = 0.5
# Ray Train looks at its workers, and takes a report, at this pace; its own default of 2 s makes
# short runs wait for it
_POLL_S = 0.5
# the line of a traceback that names the error
_RAISED = re.compile(r"^[A-Za-z_][\w.]*: .+$", re.MULTILINE)


def finished_run(session: Session, job: Job) -> dict[str, Any] | None:
    """Metrics of a run that is finished; None when it is not."""
    return artifacts.read_manifest(session.store, result_prefix(job))


def result_prefix(job: Job) -> str:
    """Where a finished run keeps the adapter or model that it trained."""
    return f"{run_prefix(job)}/{RESULT}"


def _lock(job: Job) -> str:
    return f"{run_prefix(job)}/lock"


def run(session: Session, job: Job) -> dict[str, Any]:
    """Train until the run is finished; returns its metrics. One process at a time per run."""
    purpose = f"training run {job.run}"
    with Lease(session.store, _lock(job), purpose):
        found = finished_run(session, job)
        return found if found is not None else _train(session, job)


def _train(session: Session, job: Job) -> dict[str, Any]:
    steps, estimate = foresee(session, job)
    questions = _guard_questions(job.settings.train)
    session.console.line(estimate.told())
    session.start_ray()
    # its loss must not end a run that goes on without it
    board = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Board).remote()
    trainer = _trainer(job, {"board": board, "questions": questions})
    result = _watched(session, trainer.fit, board, steps)
    metrics = dict(result.metrics or {})
    if problem := metrics.pop("problem", None):
        raise GateError(f"training run {job.run}: {problem}")
    with tempfile.TemporaryDirectory() as folder:
        trained = _download(result, Path(folder))
        if makes_adapter(job.settings.train):
            check_files(trained, job.base, base_model_path(job.settings))
        store = open_store(job.settings)
        finished = artifacts.publish(store, result_prefix(job), trained, metrics)
    _clear(store, job)
    return finished


def _clear(store: ObjectStore, job: Job) -> None:
    """Delete what a finished run no longer needs: Ray Train's checkpoints, thrice what is trained each."""
    kept = (f"{result_prefix(job)}/", f"{curve_prefix(job)}/", _lock(job))
    for key in list(store.list(run_prefix(job))):
        if not key.startswith(kept):
            store.delete(key)


def foresee(session: Session, job: Job) -> tuple[int, Estimate]:
    """Steps of a run and what it takes.

    InputError when there is nothing to train on, SettingsError when it cannot run so or will not fit.
    """
    from transformers import AutoConfig, AutoTokenizer

    settings = job.settings.train
    base = Base(base_model_path(job.settings), job.dtype, _device(job))
    if settings.packing:
        config = AutoConfig.from_pretrained(base.path).get_text_config()
        check_window(config, settings.max_tokens)
    found = material(job, session, AutoTokenizer.from_pretrained(base.path))
    _check_examples(job, found)
    _check_watching(job, found)
    available = memory_per_worker(session)
    estimate = estimate_run(model_shape(base, settings), found, settings, base, available)
    check_fits(estimate, settings)
    return found.schedule.steps, estimate


def _device(job: Job) -> str:
    return "cuda" if job.settings.train.use_gpu and torch.cuda.is_available() else "cpu"


def _check_examples(job: Job, found: Material) -> None:
    examples = found.schedule.examples
    if not examples:
        raise InputError(f"dataset {job.dataset!r} has no examples in its train split")
    # a chat template may refuse a conversation: told now, not in the middle of the run
    every = examples if job.mode == "instruct" else ()
    fits = [bool(found.encoding.texts(example, 0)) for example in every]
    if any(fits) or any(found.encoding.texts(example, 0) for example in examples):
        return
    raise InputError(
        f"none of the {len(examples)} examples of {job.dataset!r} fits into train.max_tokens="
        f"{job.settings.train.max_tokens}; raise it"
    )


def _check_watching(job: Job, found: Material) -> None:
    settings = job.settings.train
    chooses = settings.keep == "best" or settings.early_stopping_patience is not None
    if chooses and not found.validation:
        raise InputError(
            f"train.keep={settings.keep} and train.early_stopping_patience="
            f"{settings.early_stopping_patience} choose by the validation loss, but dataset "
            f"{job.dataset!r} has no validation split, or train.validation_examples is 0"
        )
    if settings.tensorboard and find_spec("tensorboard") is None:
        raise SettingsError(
            "train.tensorboard needs the package tensorboard: pip install tensorboard, or leave it "
            f"off; the same numbers are in {curve_prefix(job)} as Parquet"
        )


def _guard_questions(settings: TrainSettings) -> list[ChoiceQuestion]:
    """Read here: workers on other machines may not have the file."""
    if not settings.guard:
        return []
    return read_questions(Path(settings.guard), settings.guard_questions)


def _trainer(job: Job, extra: Mapping[str, Any]) -> TorchTrainer:
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", str(_POLL_S))
    settings = job.settings.train
    filesystem, root = open_store(job.settings).arrow()
    cpus = cpus_per_worker(settings)
    return TorchTrainer(
        train_worker,
        train_loop_config={"job": job, "threads": cpus, **extra},
        torch_config=NodeAddresses(),
        scaling_config=scaling(settings, cpus),
        run_config=RunConfig(
            name=job.run,
            storage_path=f"{root}/{RUNS}",
            storage_filesystem=filesystem,
            failure_config=FailureConfig(max_failures=settings.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=_KEPT_CHECKPOINTS),
        ),
    )


def _watched(session: Session, fit: Callable[[], Result], board: Any, steps: int) -> Result:
    """`fit()` in a thread, its progress on the console; an interrupt reaches the main thread."""
    outcome: list[Result | TrainingFailedError] = []
    thread = threading.Thread(target=lambda: outcome.append(_caught(fit)), daemon=True)
    with session.console.progress("train", steps, "steps") as bar:
        thread.start()
        shown = 0
        while thread.is_alive():
            thread.join(_REFRESH_S)
            latest = cast(dict[str, float], ray.get(board.read.remote()))
            if "loss" in latest:
                speed = latest["tokens_per_second"]
                bar.note(f"loss {latest['loss']:.3f}, {speed:.0f} tokens/s")
            bar.advance(int(latest["step"]) - shown)
            shown = int(latest["step"])
    return _result(outcome)


def _caught(fit: Callable[[], Result]) -> Result | TrainingFailedError:
    try:
        return fit()
    except TrainingFailedError as error:
        return error


def _result(outcome: list[Result | TrainingFailedError]) -> Result:
    if not outcome:
        raise OpenbookError("Ray Train stopped without a result; its log says why")
    if isinstance(outcome[0], TrainingFailedError):
        raise OpenbookError(
            f"training failed: {_cause(outcome[0])}; the same command goes on from the last "
            f"checkpoint. {outcome[0]}"
        ) from outcome[0]
    return outcome[0]


def _cause(error: TrainingFailedError) -> str:
    """What went wrong, of all the lines in which Ray tells where, once for workers that tell the same."""
    raised = [_RAISED.findall(told) for told in str(error).split("[Rank ")]
    return "; ".join(dict.fromkeys(lines[-1] for lines in raised if lines)) or "see below"


def _download(result: Result, folder: Path) -> Path:
    if result.checkpoint is None:
        raise OpenbookError("Ray Train ended without a checkpoint; run the same command again")
    return Path(result.checkpoint.to_directory(str(folder))) / RESULT
