"""Training across the nodes of a Ray cluster ends in the adapter of one machine, also when a worker dies.

The nodes are Ray's own of `ray.cluster_utils.Cluster`, processes on this machine that know each other by
address only, and hosts in network namespaces. The command runs beside them, as a user's does.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from ray.cluster_utils import Cluster
from safetensors.torch import load_file

from cluster.session import Session
from tests.network_hosts import RAY, two_hosts, why_impossible
from tests.processes import start_openbook
from tests.training_sets import TRAIN, session_of_file
from train.export import WEIGHTS, export
from train.fit import Fit
from train.job import make_job
from train.loop import material
from train.model import AnswerLoss, Base, build_model
from train.optimiser import Alone

pytestmark = [
    pytest.mark.ray, pytest.mark.slow, pytest.mark.endurance, pytest.mark.timeout(400),
]  # fmt: skip


@contextmanager
def running_cluster(*cpus: int) -> Iterator[Cluster]:
    """A node with so many CPUs each; the first is the head."""
    options = {"num_cpus": cpus[0], "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=options)
    try:
        for count in cpus[1:]:
            cluster.add_node(num_cpus=count)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()


@pytest.fixture(autouse=True)
def plain_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


@pytest.fixture
def address() -> Iterator[str]:
    """Of two nodes with a CPU each."""
    with running_cluster(1, 1) as cluster:
        yield str(cluster.address)


@pytest.fixture
def spot() -> Iterator[Cluster]:
    """Two nodes with a CPU each, and a head that only holds them together: it may not be taken away."""
    with running_cluster(0, 1, 1) as cluster:
        yield cluster


def open_session(home: Path, model: str, address: str, **changed: int) -> Session:
    """Two workers that fit on two nodes only, unless told otherwise."""
    train = {"num_workers": 2, "epochs": 8, "checkpoint_steps": 2, **changed}
    return session_of_file(home, model, TRAIN.model_copy(update=train), ray={"address": address})


def command(home: Path) -> list[str]:
    config = str(home / "openbook.yaml")
    return ["train", "--dataset", "lamps", "--adapter", "lamp", "--config", config]


def weights_alone(session: Session, tokenizer: Any, folder: Path) -> dict[str, torch.Tensor]:
    """What one process makes of the same run."""
    job = make_job(session, "lamps", "raft")
    model = build_model(Base(session.settings.models.base, "float32"), job.settings.train)
    found = material(job, session, tokenizer)
    fit = Fit(model, AnswerLoss(model, "float32"), found, job.settings.train, Alone())
    while not fit.done:
        fit.step()
    export(model, tokenizer, job.base, folder)
    return load_file(folder / WEIGHTS)


def trained(session: Session, cache: Path) -> dict[str, torch.Tensor]:
    folder = session.adapters.fetch(session.adapters.resolve("lamp"), cache)
    return load_file(folder / WEIGHTS)


def close(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return all(torch.allclose(left[name], right[name], atol=1e-4) for name in left)


def train_workers(address: str) -> list[int]:
    """Processes of Ray Train whose node belongs to the cluster."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        pid = int(path.parent.name)
        if "RayTrainWorker" in _said(pid) and address in _said(_parent(pid)):
            found.append(pid)
    return sorted(found)


def _said(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _parent(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))


def ledger_of(home: Path, session: Session) -> Path:
    """Where Ray Train keeps the list of a run's checkpoints."""
    run = home / "store" / "runs" / make_job(session, "lamps", "raft").run
    return run / "checkpoint_manager_snapshot.json"


def has_checkpoint(ledger: Path) -> bool:
    return ledger.is_file() and "checkpoint_" in ledger.read_text()


def drain(address: str, node: str) -> None:
    """Tell Ray what a cloud tells of a spot machine: that it will be gone in a minute."""
    options = ["--address", address, "--node-id", node, "--deadline-remaining-seconds", "60"]
    reason = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot"]
    ray = [sys.executable, "-m", "ray.scripts.scripts", "drain-node", *options, *reason]
    done = subprocess.run(ray, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_two_nodes_reach_the_adapter_of_one(
    address: str, tmp_path: Path, tiny_model: str, tokenizer: Any
) -> None:
    home = tmp_path / "home"
    session = open_session(home, tiny_model, address)
    process = start_openbook(command(home), {})
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said
    expected = weights_alone(session, tokenizer, tmp_path / "alone")
    assert close(trained(session, tmp_path / "cache"), expected)


def test_worker_killed_mid_run_is_replaced_and_the_run_ends_in_the_same_adapter(
    address: str, tmp_path: Path, tiny_model: str, tokenizer: Any
) -> None:
    home = tmp_path / "home"
    session = open_session(home, tiny_model, address)
    ledger = ledger_of(home, session)
    process = start_openbook(command(home), {})
    while not has_checkpoint(ledger):
        assert process.poll() is None, process.communicate()[1]
    workers = train_workers(address)
    assert workers, "no worker of Ray Train was found"
    os.kill(workers[0], signal.SIGKILL)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said
    expected = weights_alone(session, tokenizer, tmp_path / "alone")
    assert close(trained(session, tmp_path / "cache"), expected)
    ref = session.adapters.resolve("lamp")
    assert session.adapters.manifest(ref).metrics["resumed_step"] > 0


def test_node_that_will_be_taken_away_leaves_a_checkpoint(
    spot: Cluster, tmp_path: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S", "1")
    home, address = tmp_path / "home", str(spot.address)
    endless = {"num_workers": 1, "cpus_per_worker": 1, "epochs": 5000, "checkpoint_steps": 10_000}
    ledger = ledger_of(home, open_session(home, tiny_model, address, **endless))
    process = start_openbook(command(home), {})
    try:
        assert process.stderr is not None
        assert any("tokens/s" in line for line in process.stderr), "no step was made"
        (worker,) = train_workers(address)
        (node,) = [n for n in spot.list_all_nodes() if n.node_id in _said(_parent(worker))]
        assert not has_checkpoint(ledger)
        drain(address, node.node_id)
        while not has_checkpoint(ledger):
            assert process.poll() is None, process.communicate()[1]
    finally:
        process.kill()
        process.communicate()


def test_two_hosts_whose_names_mean_nothing_reach_the_adapter_of_one(
    tmp_path: Path, tiny_model: str, tokenizer: Any
) -> None:
    """Gloo would take the loopback address for such a name, and wait for the other host in vain."""
    if reason := why_impossible():
        pytest.skip(reason)
    home = tmp_path / "home"
    session = open_session(home, tiny_model, RAY)
    with two_hosts(tmp_path) as hosts:
        train = hosts[0].command(sys.executable, "-m", "cluster", *command(home))
        done = subprocess.run(train, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    expected = weights_alone(session, tokenizer, tmp_path / "alone")
    assert close(trained(session, tmp_path / "cache"), expected)
