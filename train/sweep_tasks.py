"""A cell of a sweep as a Ray task: it trains in the cluster while others do."""

from collections.abc import Mapping
from typing import Any

import ray

from cluster.session import Session
from cluster.settings import Settings
from train.cli import train_adapter
from train.sweep import Cell


def train_in_task(settings: Settings, cell: Cell, adapter: str) -> Mapping[str, Any]:
    """The report of `openbook train`; returns when the cell is finished. Needs Ray.

    The task itself takes no CPU: it waits for the workers of its run, which take theirs.
    """
    task = ray.remote(num_cpus=0, max_retries=0)(_train)
    report: Mapping[str, Any] = ray.get(task.remote(settings, cell, adapter))
    return report


def _train(settings: Settings, cell: Cell, adapter: str) -> Mapping[str, Any]:
    with Session.for_worker(settings) as session:
        return train_adapter(session, cell.dataset, adapter, cell.mode)
