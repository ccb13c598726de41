"""Published directories are complete, immutable and verified; pointers and leases have one winner."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import artifacts
from cluster.errors import BusyError, ConflictError, NotFoundError
from cluster.keys import canonical_json
from cluster.leases import STALE_S, Lease
from cluster.objects import LocalStore
from cluster.pointers import Pointer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("one")
    (folder / "sub" / "b.txt").write_text("two")
    return folder


def test_artifact_published_and_fetched_is_the_same(
    store: LocalStore, folder: Path, tmp_path: Path
) -> None:
    artifacts.publish(store, "x/1", folder, {"kind": "test"})
    got = artifacts.fetch(store, "x/1", tmp_path / "copy")

    assert (got / "sub" / "b.txt").read_text() == "two"
    assert json.loads((got / artifacts.MANIFEST).read_text())["kind"] == "test"


def test_artifact_published_again_is_left_as_it_was(store: LocalStore, folder: Path) -> None:
    first = artifacts.publish(store, "x/1", folder, {"kind": "first"})
    (folder / "a.txt").write_text("changed")

    assert artifacts.publish(store, "x/1", folder, {"kind": "second"}) == first
    assert store.get("x/1/a.txt") == b"one"


def test_artifact_without_manifest_does_not_exist(store: LocalStore, tmp_path: Path) -> None:
    store.put("x/1/a.txt", b"orphan")
    assert artifacts.read_manifest(store, "x/1") is None
    with pytest.raises(NotFoundError, match="x/1"):
        artifacts.fetch(store, "x/1", tmp_path / "copy")


def test_artifact_with_a_damaged_file_is_refused_and_leaves_nothing(
    store: LocalStore, folder: Path, tmp_path: Path
) -> None:
    artifacts.publish(store, "x/1", folder, {})
    store.put("x/1/a.txt", b"tampered")

    with pytest.raises(ConflictError, match=r"a\.txt is damaged"):
        artifacts.fetch(store, "x/1", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_artifact_whose_manifest_names_an_outside_file_is_refused(
    store: LocalStore, tmp_path: Path
) -> None:
    store.put("x/1/manifest.json", json.dumps({"files": {"../evil": "0"}}).encode())
    with pytest.raises(ConflictError, match="outside"):
        artifacts.fetch(store, "x/1", tmp_path / "copy")


def test_pointer_moved_from_a_stale_value_is_refused(store: LocalStore) -> None:
    pointer = Pointer(store, "p.json")
    pointer.move({"v": 1}, None)

    with pytest.raises(ConflictError):
        pointer.move({"v": 2}, None)
    pointer.move({"v": 2}, {"v": 1})
    assert pointer.read() == {"v": 2}


def test_lease_held_by_a_living_process_is_refused_and_says_who(store: LocalStore) -> None:
    with (
        Lease(store, "lock", "ingest of corpus 'a'"),
        pytest.raises(BusyError, match=rf"ingest of corpus 'a' is running \(process {os.getpid()}"),
        Lease(store, "lock", "another ingest"),
    ):
        pass
    with Lease(store, "lock", "later"):
        assert store.exists("lock")
    assert not store.exists("lock")


def test_lease_of_a_killed_process_is_taken_over_at_once(store: LocalStore) -> None:
    code = (
        "import sys, time, pathlib\n"
        "from cluster.leases import Lease\nfrom cluster.objects import LocalStore\n"
        "Lease(LocalStore(pathlib.Path(sys.argv[1])), 'lock', 'doomed').__enter__()\n"
        "print('held', flush=True)\ntime.sleep(60)\n"
    )
    root = str(store.root)
    with subprocess.Popen(
        [sys.executable, "-c", code, root], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BusyError), Lease(store, "lock", "mine"):
            pass
        holder.kill()
        holder.wait()
    with Lease(store, "lock", "mine"):
        assert json.loads(store.get("lock"))["purpose"] == "mine"


@pytest.mark.parametrize(("age_s", "busy"), [(STALE_S / 2, True), (STALE_S * 2, False)])
def test_lease_of_another_host_is_taken_over_only_when_its_beat_is_old(
    store: LocalStore, age_s: float, busy: bool
) -> None:
    import time

    record = {
        "purpose": "remote ingest",
        "host": f"not-{socket.gethostname()}",
        "pid": 1,
        "started": "1",
        "beat": time.time() - age_s,
    }
    store.put("lock", canonical_json(record).encode())
    if busy:
        with pytest.raises(BusyError, match="remote ingest"), Lease(store, "lock", "mine"):
            pass
    else:
        with Lease(store, "lock", "mine"):
            pass
