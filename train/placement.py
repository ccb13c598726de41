"""Where the workers of a run are placed, and what each has there."""

from typing import Any

import ray
import torch
from ray.train import ScalingConfig

from cluster.memory import free_bytes
from cluster.session import Session
from cluster.settings import TrainSettings


def scaling(settings: TrainSettings, cpus: int) -> ScalingConfig:
    """How many workers, with `cpus` each, and where; elastic between two numbers."""
    return ScalingConfig(
        num_workers=(
            settings.num_workers
            if settings.min_workers is None
            else (settings.min_workers, settings.num_workers)
        ),
        use_gpu=settings.use_gpu,
        resources_per_worker={"CPU": cpus, **({"GPU": 1} if settings.use_gpu else {})},
        accelerator_type=settings.accelerator_type or None,
        label_selector=dict(settings.node_labels) or None,
    )


def cpus_per_worker(settings: TrainSettings) -> int:
    """CPUs that a worker reserves and computes with. Needs Ray."""
    if settings.cpus_per_worker is not None:
        return settings.cpus_per_worker
    if settings.use_gpu:
        return 1
    cpus = [node.get("CPU", 0.0) for node in _nodes()]
    return max(1, int(min(sum(cpus) // settings.num_workers, max(cpus, default=1.0))))


def memory_per_worker(session: Session) -> int | None:
    """Bytes that are free for each worker; None for GPUs that this process does not see.

    On this machine what is free now, on a cluster what Ray has for a node (KubeRay: the pod's limit).
    """
    settings = session.settings.train
    if settings.use_gpu:
        return free_bytes("cuda") if torch.cuda.is_available() else None
    if session.settings.ray.address is None:
        return free_bytes() // settings.num_workers
    session.start_ray()
    cpus = cpus_per_worker(settings)
    shares = [
        node.get("memory", 0.0) / min(settings.num_workers, max(1, node.get("CPU", 0.0) // cpus))
        for node in _nodes()
    ]
    return int(max(shares, default=0.0)) or None


def _nodes() -> list[dict[str, Any]]:
    """Resources of the nodes that are alive."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
