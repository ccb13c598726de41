"""Adapter files on this machine: checked when they come, bounded, never deleted while somebody uses them."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cluster.adapters import AdapterRegistry
from cluster.errors import ConflictError, NotFoundError, OpenbookError, UnavailableError, UsageError
from cluster.objects import LocalStore
from cluster.prompts import PROMPT_HASH
from cluster.records import AdapterRef
from serve.adapters.disk import Disk
from serve.adapters.files import MAX_REFUSALS, AdapterFiles
from serve.adapters.fit import Fit
from tests.serve.published import BASE_MODEL, publish

KIB = 1024


@pytest.fixture
def registry(store: LocalStore, tmp_path: Path) -> AdapterRegistry:
    registry = AdapterRegistry(store)
    for name in ("a", "b", "c"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "adapter_model.safetensors").write_bytes(name.encode() * 10 * KIB)
        publish(registry, folder, name, "v1")
    return registry


def make_files(registry: AdapterRegistry, root: Path, limit_kib: int = 1000) -> AdapterFiles:
    fit = Fit(BASE_MODEL, PROMPT_HASH, max_rank=8)
    return AdapterFiles(registry, Disk(root, limit_kib * KIB), fit, retry_s=60.0)


def take(files: AdapterFiles, adapter: str) -> Any:
    return asyncio.run(files.take(adapter))


def kept(root: Path) -> list[str]:
    return sorted(path.parent.parent.name for path in root.glob("*/*/manifest.json"))


def test_files_over_the_limit_lose_the_longest_unused(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    files, root = make_files(registry, tmp_path / "cache", limit_kib=25), tmp_path / "cache"
    take(files, "a@v1").release()
    take(files, "b@v1").release()
    take(files, "a@v1").release()
    take(files, "c@v1").release()
    assert kept(root) == ["a", "c"]
    take(files, "b@v1").release()  # and comes back, whole
    assert kept(root) == ["b", "c"]


def test_files_in_use_are_never_deleted_not_even_by_another_replica(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    root = tmp_path / "cache"
    first, second = (make_files(registry, root, limit_kib=1) for _ in range(2))
    hold = take(first, "a@v1")
    take(second, "b@v1").release()
    take(second, "c@v1").release()
    assert kept(root)[0] == "a"
    assert (hold.folder / "adapter_model.safetensors").read_bytes() == b"a" * 10 * KIB
    hold.release()
    hold.release()
    Disk(root, 0).sweep()
    assert kept(root) == []


def test_disk_downloads_that_were_killed_are_cleared_away(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    root = tmp_path / "cache"
    for name, age_s in ((".fetching-x", 0), (".fetching-y", 7200), (".deleted-v1-7", 7200)):
        (root / "a" / name).mkdir(parents=True)
        past = (root / "a" / name).stat().st_mtime - age_s
        os.utime(root / "a" / name, (past, past))
    take(make_files(registry, root), "a@v1").release()
    assert sorted(p.name for p in (root / "a").iterdir() if p.is_dir()) == [".fetching-x", "v1"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_model": "other"}, "base model 'other'"),
        ({"prompt_hash": "old"}, "prompt contract 'old'"),
        ({"rank": 5}, "rank 4 in its files and 5"),
        ({"rank": 9}, "rank 9, this server takes at most 8"),
        (
            {"target_modules": ("q_proj", "up_proj")},
            r"\['q_proj'\] in its files and \['q_proj', 'up",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused_with_what_differs(
    registry: AdapterRegistry, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    publish(registry, tmp_path / "bad", "bad", "v1", **changes)
    with pytest.raises(ConflictError, match=message):
        take(make_files(registry, tmp_path / "cache"), "bad@v1")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"r": 4, "target_modules": "q_proj"}, None),
        ({"r": 4, "target_modules": ["q_proj"], "rank_pattern": {"v": 16}}, "rank 16"),
        ({"r": 4, "target_modules": None}, r"target modules \[\]"),
        ([1], "adapter_config.json"),
    ],
)
def test_files_config_is_read_as_peft_writes_it(
    registry: AdapterRegistry, tmp_path: Path, config: Any, message: str | None
) -> None:
    folder = tmp_path / "odd"
    publish(registry, folder, "odd", "v1")
    (folder / "adapter_config.json").write_text(json.dumps(config))
    manifest = registry.manifest(AdapterRef("odd", "v1"))
    fit = Fit(BASE_MODEL, PROMPT_HASH, max_rank=8)
    if message is None:
        fit.check_files(manifest, folder)
    else:
        with pytest.raises(ConflictError, match=message):
            fit.check_files(manifest, folder)


def test_files_refusal_is_remembered_for_its_time_and_they_are_bounded(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    now, fit = [0.0], Fit(BASE_MODEL, PROMPT_HASH, max_rank=8)
    disk = Disk(tmp_path / "cache", KIB)
    files = AdapterFiles(registry, disk, fit, retry_s=60.0, clock=lambda: now[0])
    with pytest.raises(NotFoundError):
        take(files, "late@v1")
    publish(registry, tmp_path / "late", "late", "v1")
    with pytest.raises(NotFoundError):
        take(files, "late@v1")
    now[0] = 61.0
    take(files, "late@v1").release()
    for number in range(3 * MAX_REFUSALS):
        files.refuse(f"n{number}@v1", ConflictError("no"))
    assert len(files._refused) == MAX_REFUSALS


class BrokenStore(LocalStore):
    error: Exception = UnavailableError("the store is down")

    def download(self, key: str, path: Path) -> None:
        raise self.error


@pytest.mark.parametrize("error", [UnavailableError("down"), OSError(28, "No space left")])
def test_files_trouble_that_may_pass_is_not_remembered(
    registry: AdapterRegistry, tmp_path: Path, error: Exception
) -> None:
    store = BrokenStore(tmp_path / "store")
    store.error = error
    files = make_files(AdapterRegistry(store), tmp_path / "cache")
    for _ in range(2):
        with pytest.raises(UnavailableError):
            take(files, "a@v1")
    take(make_files(registry, tmp_path / "cache"), "a@v1").release()
    assert kept(tmp_path / "cache") == ["a"]


@pytest.mark.parametrize(
    "adapter",
    [
        "../x@v1",
        "a@../../b",
        "a",
        "a@",
        "@v1",
        "a@v1@v2",
        "a\x00@v1",
        "a@v\n1",
        "x" * 10_000,
        "a/b@v1",
    ],
)
def test_files_id_that_is_no_name_touches_nothing(
    registry: AdapterRegistry, tmp_path: Path, adapter: str
) -> None:
    with pytest.raises(UsageError) as caught:
        take(make_files(registry, tmp_path / "cache"), adapter)
    assert isinstance(caught.value, OpenbookError)
    assert len(str(caught.value)) < 500
    assert not (tmp_path / "cache").exists()
