"""Whole models: a setting names one exact version, and says what there is when it does not."""

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.errors import NotFoundError, SettingsError
from cluster.objects import LocalStore
from cluster.records import ModelManifest
from cluster.trained_models import TrainedModels

MANIFEST = ModelManifest(
    name="tone",
    version="v1",
    base_model="tiny",
    mode="raft",
    method="full",
    prompt_hash="p",
    created="2026-01-01T00:00:00Z",
    files={},
)


@pytest.fixture
def models(store: LocalStore, tmp_path: Path) -> TrainedModels:
    models = TrainedModels(store)
    for number in (1, 2):
        folder = tmp_path / f"made{number}"
        folder.mkdir()
        (folder / "config.json").write_text(f'{{"n": {number}}}')
        created = f"2026-01-0{number}T00:00:00Z"
        models.publish(folder, replace(MANIFEST, version=f"v{number}", created=created))
    return models


def test_setting_of_a_manifest_fetches_its_files(models: TrainedModels, tmp_path: Path) -> None:
    newest, older = models.versions("tone")
    assert (newest.version, older.version) == ("v2", "v1")
    folder = models.fetch(older.setting, tmp_path / "cache")
    assert (folder / "config.json").read_text() == '{"n": 1}'
    assert models.fetch(older.setting, tmp_path / "cache") == folder
    assert models.names() == ["tone"]
    assert models.has("tone", "v1")


def test_setting_without_a_version_says_which_there_are(
    models: TrainedModels, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"use store:NAME@VERSION \(versions of tone: v2, v1\)"):
        models.fetch("store:tone", tmp_path)


def test_unknown_model_says_what_is_known(models: TrainedModels, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no such model \(known models: tone\)"):
        models.fetch("store:bass@v1", tmp_path)
