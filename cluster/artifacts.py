"""Immutable directories in the object store: files first, `manifest.json` last.

Readers trust only a manifest, so a directory without one does not exist and a killed writer leaves
nothing that looks complete. The manifest holds the sha256 of every file; `fetch` checks them.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.errors import ConflictError, NotFoundError
from cluster.objects import ObjectStore

MANIFEST = "manifest.json"


def publish(
    store: ObjectStore, prefix: str, folder: Path, manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """Upload every file of `folder`, then the manifest with `files: {name: sha256}`; returns it.

    A directory that is already published is left as it is: versions are immutable.
    """
    existing = read_manifest(store, prefix)
    if existing is not None:
        return existing
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    complete = {**manifest, "files": {name: file_hash(folder / name) for name in names}}
    for name in names:
        store.upload(f"{prefix}/{name}", folder / name)
    data = json.dumps(complete, indent=2, sort_keys=True, ensure_ascii=False).encode()
    store.put(f"{prefix}/{MANIFEST}", data)
    return complete


def read_manifest(store: ObjectStore, prefix: str) -> dict[str, Any] | None:
    """The manifest of a published directory; None when there is none."""
    try:
        return dict(json.loads(store.get(f"{prefix}/{MANIFEST}")))
    except NotFoundError:
        return None


def fetch(store: ObjectStore, prefix: str, folder: Path) -> Path:
    """A verified local copy in `folder`, reused when it is already there.

    Raises NotFoundError when nothing is published, ConflictError when a file's sha256 differs.
    """
    if (folder / MANIFEST).is_file():
        return folder
    manifest = read_manifest(store, prefix)
    if manifest is None:
        raise NotFoundError(f"nothing is published under {prefix!r} in {store.url}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder.parent))
    try:
        _download(store, prefix, manifest["files"], work)
        (work / MANIFEST).write_text(json.dumps(manifest), "utf-8")
        os.rename(work, folder)
    except OSError:
        if not (folder / MANIFEST).is_file():  # else another process was faster
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def file_hash(path: Path) -> str:
    """sha256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(store: ObjectStore, prefix: str, files: Mapping[str, str], work: Path) -> None:
    for name, expected in files.items():
        target = work / name
        if not target.resolve().is_relative_to(work.resolve()):
            raise ConflictError(f"manifest of {prefix!r} names a file outside it: {name!r}")
        target.parent.mkdir(parents=True, exist_ok=True)
        store.download(f"{prefix}/{name}", target)
        if (got := file_hash(target)) != expected:
            raise ConflictError(
                f"{prefix}/{name} is damaged: sha256 {got[:12]}, its manifest says {expected[:12]}"
            )
