"""Whole models that training made, as immutable versions under `models/` in the object store.

What cannot be an adapter (all weights trained, or DoRA, which no serving engine applies) is a model of
its own: `models.base=store:NAME@VERSION` serves it, or trains adapters on it.
"""

import json
from pathlib import Path
from typing import Any

from cluster import artifacts
from cluster.errors import NotFoundError, SettingsError
from cluster.keys import model_prefix, safe_name
from cluster.objects import ObjectStore
from cluster.records import ModelManifest, as_json

STORED = "store:"
"""How a setting begins that names one of these."""


class TrainedModels:
    """The trained models of one object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def publish(self, folder: Path, manifest: ModelManifest) -> None:
        """Register the files of `folder`; a known version is a no-op."""
        prefix = model_prefix(manifest.name, manifest.version)
        artifacts.publish(self._store, prefix, folder, as_json(manifest))

    def names(self) -> list[str]:
        """Models that have at least one version."""
        return sorted({key.split("/")[1] for key in self._manifests("models")})

    def versions(self, name: str) -> list[ModelManifest]:
        """Versions of one model, newest first."""
        keys = self._manifests(f"models/{safe_name('model', name)}")
        found = [_manifest_of(json.loads(self._store.get(key))) for key in keys]
        return sorted(found, key=lambda m: (m.created, m.version), reverse=True)

    def has(self, name: str, version: str) -> bool:
        """Whether this version is registered."""
        return artifacts.read_manifest(self._store, model_prefix(name, version)) is not None

    def fetch(self, setting: str, cache: Path) -> Path:
        """Verified files of what `setting` (`store:NAME@VERSION`) names, in `cache/<name>/<version>`.

        SettingsError when it names no version, NotFoundError when there is none such.
        """
        name, _, version = setting.removeprefix(STORED).partition("@")
        if not version:
            raise SettingsError(
                f"models.base={setting!r} does not say which version; use {STORED}NAME@VERSION "
                f"({self._known(name)})"
            )
        if not self.has(name, version):
            raise NotFoundError(
                f"models.base={setting!r}: there is no such model ({self._known(name)}); "
                "`openbook models list` shows all"
            )
        return artifacts.fetch(self._store, model_prefix(name, version), cache / name / version)

    def _known(self, name: str) -> str:
        if name in (names := self.names()):
            return f"versions of {name}: " + ", ".join(m.version for m in self.versions(name)[:5])
        return f"known models: {', '.join(names) or 'none yet'}"

    def _manifests(self, prefix: str) -> list[str]:
        """Keys models/{name}/{version}/manifest.json."""
        keys = self._store.list(prefix)
        return [key for key in keys if key.count("/") == 3 and key.endswith(artifacts.MANIFEST)]


def _manifest_of(value: dict[str, Any]) -> ModelManifest:
    return ModelManifest(**{name: value[name] for name in ModelManifest.__slots__})
