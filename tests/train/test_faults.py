"""A run on a bad day: its object store is away for half a minute, or its disk is full."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.objects import S3Store
from tests.buckets import s3_client, s3_server
from tests.faulty_http import Fault, faulty_proxy
from tests.processes import ROOT
from tests.training_sets import TRAIN, session_of_file
from train.cli import train_adapter

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(400)]
AWAY_S = 30.0
STEPS = 24
LONG = TRAIN.model_copy(update={"epochs": 8, "checkpoint_steps": 2})
CPUS = {"num_cpus": 2}
NO_ROOM, ROOM = "200k", "50m"


def away_after(happened: Callable[[], bool]) -> Callable[[], Fault | None]:
    """Every request fails for `AWAY_S` from when something has happened, and none after that."""
    began: list[float] = []

    def fault() -> Fault | None:
        if not began and happened():
            began.append(time.monotonic())
        return "cut before" if began and time.monotonic() < began[0] + AWAY_S else None

    return fault


def test_store_that_is_away_mid_run_is_waited_out(
    ray_cluster: None, tmp_path: Path, tiny_model: str
) -> None:
    with s3_server() as direct:
        s3_client(direct).create_bucket(Bucket="books")
        store = S3Store("books", "lamps", direct)
        before = time.monotonic()

        def checkpointed() -> bool:
            return any("/checkpoint_2" in key for key in store.list("runs"))

        with faulty_proxy(str(direct.endpoint), away_after(checkpointed)) as url:
            reached = {"url": store.url, "endpoint": url, "access_key": "a", "secret_key": "b"}
            session = session_of_file(tmp_path / "home", tiny_model, LONG, ray=CPUS, store=reached)
            report = train_adapter(session, "lamps", "lamp", "raft")
        assert time.monotonic() > before + AWAY_S
    assert report["steps"] == STEPS
    assert report["resumed_step"] is None


def test_disk_that_is_full_is_named_and_the_same_command_goes_on_when_there_is_room(
    tmp_path: Path, tiny_model: str
) -> None:
    private = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount = "mount -t tmpfs -o size={0} tmpfs {1}"
    tried = subprocess.run([*private, mount.format(ROOM, tmp_path)], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no disk of its own for this test: {tried.stderr.strip()}")
    home = tmp_path / "home"
    once = LONG.model_copy(update={"max_failures": 0})
    session_of_file(home, tiny_model, once, ray=CPUS)
    (home / "store").rename(home / "full")
    (home / "store").mkdir()
    config = ["--config", str(home / "openbook.yaml"), "--json"]
    train = ["train", "--dataset", "lamps", "--adapter", "lamp", *config]
    script = (
        f"{mount.format(NO_ROOM, home / 'store')} && cp -r {home}/full/. {home}/store && "
        f'"$@" > {home}/refused; mount -o remount,size={ROOM} {home}/store && exec "$@"'
    )
    done = subprocess.run(
        [*private, script, "sh", sys.executable, "-m", "cluster", *train],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    refused = json.loads((home / "refused").read_text())["error"]
    assert "No space left on device; the same command goes on" in refused["message"]
    assert 0 < json.loads(done.stdout)["resumed_step"] < STEPS
