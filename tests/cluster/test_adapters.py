"""The registry: what a name means, what moves, what never changes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.adapters import AdapterRegistry
from cluster.errors import ConflictError, NotFoundError, UsageError
from cluster.objects import LocalStore
from cluster.records import AdapterManifest, AdapterRef

MANIFEST = AdapterManifest(
    name="tone",
    version="v1",
    base_model="tiny",
    mode="raft",
    method="lora",
    rank=4,
    target_modules=("q_proj",),
    prompt_hash="p",
    created="2026-01-01T00:00:00Z",
    files={},
)


@pytest.fixture
def registry(store: LocalStore, tmp_path: Path) -> AdapterRegistry:
    registry = AdapterRegistry(store)
    for number in (1, 2, 3):
        folder = tmp_path / f"made{number}"
        folder.mkdir()
        (folder / "adapter_config.json").write_text(f'{{"n": {number}}}')
        created = f"2026-01-0{number}T00:00:00Z"
        registry.publish(folder, replace(MANIFEST, version=f"v{number}", created=created))
    return registry


def test_bare_name_means_latest_until_something_is_promoted(registry: AdapterRegistry) -> None:
    assert registry.resolve("tone") == AdapterRef("tone", "v3")
    assert registry.promote("tone", "v1") is None
    assert registry.resolve("tone") == AdapterRef("tone", "v1")
    assert str(registry.resolve("tone@latest")) == "tone@v3"
    assert str(registry.resolve("tone@v2")) == "tone@v2"


def test_versions_published_at_the_same_time_are_all_there(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    together = threading.Barrier(6, timeout=20)

    def publish(number: int) -> None:
        together.wait()
        registry.publish(tmp_path / "made1", replace(MANIFEST, name="many", version=f"v{number}"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(publish, range(6)))
    assert {manifest.version for manifest in registry.versions("many")} == {
        f"v{number}" for number in range(6)
    }
    assert registry.resolve("many").version in {f"v{number}" for number in range(6)}


def test_rollback_goes_back_through_what_was_promoted(registry: AdapterRegistry) -> None:
    for version in ("v1", "v2", "v3"):
        registry.promote("tone", version)
    assert registry.rollback("tone") == "v2"
    assert registry.rollback("tone") == "v1"
    with pytest.raises(ConflictError, match="no earlier version"):
        registry.rollback("tone")
    assert registry.aliases("tone")["prod"] == "v1"


def test_unknown_names_say_what_exists(registry: AdapterRegistry) -> None:
    with pytest.raises(NotFoundError, match=r"'nope' does not exist \(known: tone\)"):
        registry.resolve("nope")
    with pytest.raises(NotFoundError, match="versions v3, v2, v1 and aliases latest"):
        registry.resolve("tone@v9")
    with pytest.raises(NotFoundError, match="v9"):
        registry.promote("tone", "v9")


@pytest.mark.parametrize("name", ["../etc", "a/b", "", "UPPER", "a" * 65, ".hidden"])
def test_name_that_could_be_a_path_is_refused(registry: AdapterRegistry, name: str) -> None:
    with pytest.raises(UsageError, match="not allowed"):
        registry.resolve(name)


def test_published_version_is_fetched_verified(registry: AdapterRegistry, tmp_path: Path) -> None:
    folder = registry.fetch(AdapterRef("tone", "v2"), tmp_path / "cache")
    assert (folder / "adapter_config.json").read_text() == '{"n": 2}'
    assert registry.manifest(AdapterRef("tone", "v2")).target_modules == ("q_proj",)
    assert [m.version for m in registry.versions("tone")] == ["v3", "v2", "v1"]
    assert registry.names() == ["tone"]
