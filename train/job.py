"""What a training run is, and its name.

The name is a hash of everything that decides the final weights, and of nothing else: a run may go
on with another number of workers, and never mixes with one of other settings.
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.errors import ConflictError, NotFoundError, UsageError
from cluster.keys import content_id, seed_of
from cluster.models import model_id, torch_dtype
from cluster.prompts import PROMPT_HASH
from cluster.session import Session
from cluster.settings import Settings
from train.methods import check_method
from train.modes import Mode, fitting_mode, is_prompted

RUNS = "runs"
# settings that change where, how fast and how safely a run computes, not what
_IRRELEVANT = {
    "num_workers", "min_workers", "cpus_per_worker", "use_gpu", "accelerator_type", "node_labels",
    "micro_batch_tokens", "packing", "gradient_checkpointing", "compile", "checkpoint_steps",
    "max_failures", "tensorboard", "guard", "guard_questions",
}  # fmt: skip
# and those that only look at the weights, unless what they see chooses among them
_WATCHING = {
    "validation_examples", "eval_steps", "keep", "early_stopping_patience", "early_stopping_delta",
}  # fmt: skip

# eleven random waits, each up to twice the last and 20 s: a minute or so, hardly ever under half of one
_ATTEMPTS = 12


@dataclass(frozen=True, slots=True)
class Job:
    """A run. `settings` are fit for other processes; `dataset` is `name@version`; `base` an id."""

    run: str
    dataset: str
    mode: Mode
    base: str
    dtype: str
    settings: Settings

    @property
    def seed(self) -> int:
        """Names the run in every random choice of its steps."""
        return seed_of(self.run)


def run_prefix(job: Job) -> str:
    """Where everything of a run is kept."""
    return f"{RUNS}/{job.run}"


def curve_prefix(job: Job) -> str:
    """Where a run keeps what it measured, see `train.curve`."""
    return f"{run_prefix(job)}/metrics"


def make_job(session: Session, dataset: str, mode: str) -> Job:
    """The run that a request means. NotFoundError, UsageError or ConflictError when there is none."""
    check_method(session.settings.train)
    name, version = _resolve(session, dataset)
    settings = worker_settings(session)
    dtype = torch_dtype(settings.models, settings.train.use_gpu)
    base = model_id(settings.models.base)
    spec = f"{name}@{version}"
    manifest = session.datasets.manifest(spec)
    known_mode = fitting_mode(mode, manifest.get("kind", "raft"), spec)
    _check_made_for(spec, manifest, known_mode, base)
    relevant = relevant_settings(settings)
    run = content_id(spec, known_mode, base, dtype, prompt_hash(known_mode), relevant)
    return Job(run, spec, known_mode, base, dtype, settings)


def _resolve(session: Session, dataset: str) -> tuple[str, str]:
    try:
        return session.datasets.resolve(dataset)
    except (NotFoundError, UsageError) as error:
        if not os.path.isfile(dataset):
            raise
        raise UsageError(
            f"--dataset takes the name of a training set, {dataset!r} is a file; import it first: "
            f"openbook dataset import {shlex.quote(dataset)} --name NAME, then openbook train "
            "--dataset NAME --mode instruct"
        ) from error


def prompt_hash(mode: Mode) -> str:
    """The prompts that a mode trains on; empty where it learns the chat as it is sent."""
    return PROMPT_HASH if is_prompted(mode) else ""


def _check_made_for(spec: str, manifest: Mapping[str, Any], mode: Mode, base: str) -> None:
    made_with, tokenizer = manifest.get("prompt_hash"), manifest.get("tokenizer")
    if is_prompted(mode) and made_with != PROMPT_HASH:
        raise ConflictError(
            f"dataset {spec!r} was made with prompts {made_with}, this Openbook has {PROMPT_HASH}; "
            "make it again with `openbook synth`"
        )
    if mode == "cpt" and tokenizer != base:
        raise ConflictError(
            f"dataset {spec!r} was packed by the tokens of {tokenizer!r}, training is for {base!r}; make "
            "it again with `openbook synth --cpt`, or set models.base to the former"
        )


def relevant_settings(settings: Settings) -> dict[str, Any]:
    """The settings of training that decide the final weights, as JSON."""
    train = settings.train
    chooses = train.keep == "best" or train.early_stopping_patience is not None
    found = train.model_dump(mode="json", exclude=_IRRELEVANT | (set() if chooses else _WATCHING))
    return {**found, "learning_rate": train.peak_learning_rate}


def worker_settings(session: Session) -> Settings:
    """Settings for the workers; unlike `session.worker_settings` it needs no vector store.

    A run that is underway waits longer for an object store that is away than a command that begins.
    """
    store = session.settings.store
    patient = {"url": session.settings.store_url(), "attempts": max(store.attempts, _ATTEMPTS)}
    store = store.model_copy(update=patient)
    return session.settings.model_copy(update={"store": store})
