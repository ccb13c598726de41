"""What a training run is, and its name.

The name is a hash of everything that decides the final weights, and of nothing else: a run may go
on with another number of workers, and never mixes with one of other settings.
"""

from dataclasses import dataclass
from typing import Any, get_args

from cluster.errors import ConflictError, UsageError
from cluster.keys import content_id, seed_of
from cluster.models import model_id, torch_dtype
from cluster.prompts import PROMPT_HASH
from cluster.session import Session
from cluster.settings import Settings
from train.examples import Mode

METHOD = "lora"
LATER = {"mode": ("cpt",), "method": ("qlora", "full")}
# settings that change where, how fast and how safely a run computes, not what
_IRRELEVANT = {
    "num_workers", "cpus_per_worker", "use_gpu", "micro_batch_tokens", "checkpoint_steps",
    "max_failures", "validation_examples",
}  # fmt: skip


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


def make_job(session: Session, dataset: str, mode: str, method: str) -> Job:
    """The run that a request means. NotFoundError, UsageError or ConflictError when there is none."""
    known_mode = supported_mode(mode, method)
    name, version = session.datasets.resolve(dataset)
    settings = worker_settings(session)
    dtype = torch_dtype(settings.models, settings.train.use_gpu)
    base = model_id(settings.models.base)
    spec = f"{name}@{version}"
    prompt_hash = session.datasets.manifest(spec).get("prompt_hash")
    if prompt_hash != PROMPT_HASH:
        raise ConflictError(
            f"dataset {spec!r} was made with prompts {prompt_hash}, this Openbook has {PROMPT_HASH}; "
            "make it again with `openbook synth`"
        )
    decisive = relevant_settings(settings)
    run = content_id(spec, known_mode, METHOD, base, dtype, PROMPT_HASH, decisive)
    return Job(run, spec, known_mode, base, dtype, settings)


def supported_mode(mode: str, method: str) -> Mode:
    """`mode` itself; UsageError for a mode or method that training does not have."""
    known: dict[str, tuple[str, ...]] = {"mode": get_args(Mode), "method": (METHOD,)}
    for option, value in (("mode", mode), ("method", method)):
        if value not in known[option]:
            later = " comes later and" if value in LATER[option] else ""
            raise UsageError(
                f"--{option} {value!r}{later} is not supported; use {' or '.join(known[option])}"
            )
    return "raft" if mode == "raft" else "dsf"


def relevant_settings(settings: Settings) -> dict[str, Any]:
    """The settings of training that decide the final weights, as JSON."""
    return settings.train.model_dump(mode="json", exclude=_IRRELEVANT)


def worker_settings(session: Session) -> Settings:
    """Settings for the workers; unlike `session.worker_settings` it needs no vector store."""
    store = session.settings.store.model_copy(update={"url": session.settings.store_url()})
    return session.settings.model_copy(update={"store": store})
