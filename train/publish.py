"""A finished run -> a version of an adapter or a model in its registry, with its full lineage."""

import importlib.metadata
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster import artifacts
from cluster.errors import NotFoundError
from cluster.records import AdapterManifest, AdapterRef, ModelManifest
from cluster.session import Session
from train.export import adapter_version, model_version
from train.job import Job, prompt_hash, relevant_settings
from train.methods import makes_adapter

_PACKAGES = ("openbook", "peft", "ray", "torch", "transformers")
_METRICS = (
    "steps", "train_loss", "validation_loss", "validation_losses", "tokens", "tokens_per_second",
    "skipped", "resumed_step", "best_step", "best_loss", "stopped_early", "guard",
)  # fmt: skip
_Found = tuple[Path, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Published:
    """A version of an adapter or a model, and whether it was registered before.

    `spec` is how it is asked for: `name@version`, or the setting of `models.base`.
    """

    name: str
    version: str
    spec: str
    metrics: Mapping[str, Any]
    known: bool


def publish_run(session: Session, job: Job, name: str, prefix: str) -> Published:
    """Register what a finished run left under `prefix` as a version of `name`."""
    with tempfile.TemporaryDirectory() as work:
        folder = artifacts.fetch(session.store, prefix, Path(work) / "result")
        run = artifacts.read_manifest(session.store, prefix) or {}
        (folder / artifacts.MANIFEST).unlink()  # the run's; a version has its own
        metrics = {key: run.get(key) for key in _METRICS}
        publish = _publish_adapter if makes_adapter(job.settings.train) else _publish_model
        return publish(session, job, name, (folder, metrics))


def _publish_adapter(session: Session, job: Job, name: str, found: _Found) -> Published:
    folder, metrics = found
    train = job.settings.train
    ref = AdapterRef(name, adapter_version(folder))
    known = _is_known(session, ref)
    manifest = AdapterManifest(
        **_origin(session, job, name, ref.version),
        rank=train.lora_rank,
        target_modules=train.lora_targets,
        metrics=metrics,
    )
    session.adapters.publish(folder, manifest)
    return Published(name, ref.version, str(ref), metrics, known)


def _publish_model(session: Session, job: Job, name: str, found: _Found) -> Published:
    folder, metrics = found
    version = model_version(folder)
    known = session.trained_models.has(name, version)
    manifest = ModelManifest(**_origin(session, job, name, version), metrics=metrics)
    session.trained_models.publish(folder, manifest)
    return Published(name, version, manifest.setting, metrics, known)


def _is_known(session: Session, ref: AdapterRef) -> bool:
    try:
        session.adapters.manifest(ref)
    except NotFoundError:
        return False
    return True


def _origin(session: Session, job: Job, name: str, version: str) -> dict[str, Any]:
    """What the manifests of adapters and models have in common."""
    return {
        "name": name,
        "version": version,
        "base_model": job.base,
        "mode": job.mode,
        "method": job.settings.train.method,
        "prompt_hash": prompt_hash(job.mode),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {},
        "lineage": lineage(session, job),
    }


def lineage(session: Session, job: Job) -> dict[str, Any]:
    """Where the result of a run comes from: dataset -> generation, model, prompts, seeds, software."""
    dataset = session.datasets.manifest(job.dataset)
    return {
        "run": job.run,
        "dataset": job.dataset,
        "corpus": dataset.get("corpus"),
        "generation": dataset.get("generation"),
        "base_model": job.base,
        "dtype": job.dtype,
        "prompt_hash": prompt_hash(job.mode),
        "seeds": {"train": job.settings.train.seed, "dataset": dataset.get("seed")},
        "settings": relevant_settings(job.settings),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
