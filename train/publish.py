"""A finished run -> an adapter version in the registry, with its full lineage."""

import importlib.metadata
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster import artifacts
from cluster.errors import NotFoundError
from cluster.records import AdapterManifest, AdapterRef
from cluster.session import Session
from train.export import adapter_version
from train.job import METHOD, Job, prompt_hash, relevant_settings

_PACKAGES = ("openbook", "peft", "ray", "torch", "transformers")
_METRICS = (
    "steps", "train_loss", "validation_loss", "validation_losses", "tokens", "tokens_per_second",
    "skipped", "resumed_step", "best_step", "best_loss", "stopped_early",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Published:
    """An adapter version, and whether the registry had it before."""

    ref: AdapterRef
    metrics: Mapping[str, Any]
    known: bool


def publish_run(session: Session, job: Job, name: str, prefix: str) -> Published:
    """Register the adapter that a finished run left under `prefix` as a version of `name`."""
    with tempfile.TemporaryDirectory() as work:
        folder = artifacts.fetch(session.store, prefix, Path(work) / "adapter")
        run = artifacts.read_manifest(session.store, prefix) or {}
        (folder / artifacts.MANIFEST).unlink()  # the run's; a version has its own
        metrics = {key: run.get(key) for key in _METRICS}
        ref = AdapterRef(name, adapter_version(folder))
        known = _is_known(session, ref)
        session.adapters.publish(folder, _manifest(session, job, ref, metrics))
    return Published(ref, metrics, known)


def _is_known(session: Session, ref: AdapterRef) -> bool:
    try:
        session.adapters.manifest(ref)
    except NotFoundError:
        return False
    return True


def _manifest(
    session: Session, job: Job, ref: AdapterRef, metrics: Mapping[str, Any]
) -> AdapterManifest:
    settings = job.settings.train
    return AdapterManifest(
        name=ref.name,
        version=ref.version,
        base_model=job.base,
        mode=job.mode,
        method=METHOD,
        rank=settings.lora_rank,
        target_modules=settings.lora_targets,
        prompt_hash=prompt_hash(job.mode),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files={},
        lineage=lineage(session, job),
        metrics=metrics,
    )


def lineage(session: Session, job: Job) -> dict[str, Any]:
    """Where a run's adapter comes from: dataset -> generation, model, prompts, seeds, software."""
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
