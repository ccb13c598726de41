"""The adapter registry: immutable versions, manifests, and aliases that move by compare-and-swap.

`latest` follows every publish. `prod` moves only by promotion and remembers what it replaced, so a
rollback needs no search. A bare name means `prod` where it is set, else `latest`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster import artifacts
from cluster.errors import ConflictError, NotFoundError, UsageError
from cluster.keys import adapter_prefix, alias_key, safe_name
from cluster.objects import ObjectStore
from cluster.pointers import Pointer
from cluster.records import AdapterManifest, AdapterRef, as_json

LATEST = "latest"
PROD = "prod"
_ATTEMPTS = 20


class AdapterRegistry:
    """The adapters of one object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def publish(self, folder: Path, manifest: AdapterManifest) -> AdapterRef:
        """Register the files of `folder` as a version and move `latest`; a known version is a no-op."""
        ref = AdapterRef(manifest.name, manifest.version)
        prefix = adapter_prefix(ref.name, ref.version)
        artifacts.publish(self._store, prefix, folder, as_json(manifest))
        self._follow(ref)
        return ref

    def _follow(self, ref: AdapterRef) -> None:
        """Move `latest`, although others that publish at the same time move it too."""
        for attempt in range(_ATTEMPTS):
            try:
                self.promote(ref.name, ref.version, LATEST)
                return
            except ConflictError:
                if attempt == _ATTEMPTS - 1:
                    raise

    def resolve(self, spec: str) -> AdapterRef:
        """`name`, `name@version` or `name@alias` to an exact version; NotFoundError says what exists."""
        name, _, wanted = spec.partition("@")
        safe_name("adapter", name)
        aliases = self.aliases(name)
        version = aliases.get(wanted or (PROD if PROD in aliases else LATEST), wanted)
        if version and self._manifest(name, version) is not None:
            return AdapterRef(name, version)
        raise NotFoundError(self._unknown(spec, name, aliases))

    def manifest(self, ref: AdapterRef) -> AdapterManifest:
        """The manifest of one version."""
        found = self._manifest(ref.name, ref.version)
        if found is None:
            raise NotFoundError(self._unknown(str(ref), ref.name, self.aliases(ref.name)))
        return _manifest_of(found)

    def names(self) -> list[str]:
        """Adapters that have at least one version."""
        return sorted(
            {key.split("/")[1] for key in self._store.list("adapters") if _is_version(key)}
        )

    def versions(self, name: str) -> list[AdapterManifest]:
        """Versions of one adapter, newest first."""
        keys = self._store.list(f"adapters/{safe_name('adapter', name)}")
        found = [json.loads(self._store.get(key)) for key in keys if _is_version(key)]
        manifests = [_manifest_of(value) for value in found]
        return sorted(manifests, key=lambda m: (m.created, m.version), reverse=True)

    def aliases(self, name: str) -> dict[str, str]:
        """Alias -> version of one adapter."""
        prefix = f"adapters/{safe_name('adapter', name)}/aliases"
        keys = list(self._store.list(prefix))
        return {Path(key).stem: json.loads(self._store.get(key))["version"] for key in keys}

    def promote(self, name: str, version: str, alias: str = PROD) -> str | None:
        """Point `alias` at `version`; returns the version it replaced, None when there was none."""
        self.manifest(AdapterRef(name, version))
        if self._manifest(name, alias) is not None:
            raise UsageError(
                f"alias {alias!r} is not allowed: adapter {name!r} has a version so named"
            )
        pointer = Pointer(self._store, alias_key(name, alias))
        current = pointer.read()
        if current is not None and current["version"] == version:
            return version
        history = [*current["history"], current["version"]] if current else []
        pointer.move({"version": version, "history": history[-20:]}, current)
        return history[-1] if history else None

    def rollback(self, name: str, alias: str = PROD) -> str:
        """Point `alias` back at the version before; ConflictError when there is none."""
        pointer = Pointer(self._store, alias_key(name, alias))
        current = pointer.read()
        if current is None:
            raise NotFoundError(f"adapter {name!r} has no alias {alias!r}; promote a version first")
        if not current["history"]:
            raise ConflictError(f"{name}@{alias} has no earlier version to go back to")
        *history, version = current["history"]
        pointer.move({"version": version, "history": history}, current)
        return str(version)

    def fetch(self, ref: AdapterRef, cache: Path) -> Path:
        """Verified files of a version in `cache/<name>/<version>`."""
        prefix = adapter_prefix(ref.name, ref.version)
        return artifacts.fetch(self._store, prefix, cache / ref.name / ref.version)

    def _manifest(self, name: str, version: str) -> dict[str, Any] | None:
        return artifacts.read_manifest(self._store, adapter_prefix(name, version))

    def _unknown(self, spec: str, name: str, aliases: Mapping[str, str]) -> str:
        names = self.names()
        if name not in names:
            known = ", ".join(names) or "none yet"
            return f"adapter {name!r} does not exist (known: {known}); `openbook train` makes one"
        versions = ", ".join(m.version for m in self.versions(name)[:5])
        return (
            f"adapter {spec!r} does not exist; {name!r} has versions {versions} "
            f"and aliases {', '.join(sorted(aliases)) or 'none'}"
        )


def _is_version(key: str) -> bool:
    """Keys of version manifests: adapters/{name}/{version}/manifest.json."""
    parts = key.split("/")
    return len(parts) == 4 and parts[3] == artifacts.MANIFEST


def _manifest_of(value: Mapping[str, Any]) -> AdapterManifest:
    fields = {name: value[name] for name in AdapterManifest.__slots__}
    return AdapterManifest(**{**fields, "target_modules": tuple(value["target_modules"])})
