"""Whether an adapter can be served here: what its manifest says, this server runs, and its files hold.

ConflictError names what differs and both values: an adapter that loads but was made for something else
answers wrongly without a sign.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.errors import ConflictError
from cluster.records import AdapterManifest

CONFIG = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Fit:
    """What an adapter must have been made for to be served here."""

    base_model: str
    prompt_hash: str
    max_rank: int

    def check_manifest(self, manifest: AdapterManifest) -> None:
        """Before anything is downloaded."""
        name = f"{manifest.name}@{manifest.version}"
        if manifest.base_model != self.base_model:
            raise ConflictError(
                f"adapter {name!r} was trained for base model {manifest.base_model!r}, this server "
                f"runs {self.base_model!r}; set models.base or train it for this model"
            )
        if not manifest.plain and manifest.prompt_hash != self.prompt_hash:
            raise ConflictError(
                f"adapter {name!r} was trained under prompt contract {manifest.prompt_hash!r}, this "
                f"server renders {self.prompt_hash!r}; train it again with this release"
            )
        self._check_rank(name, manifest.rank)

    def check_files(self, manifest: AdapterManifest, folder: Path) -> None:
        """After the download, before the engine sees it."""
        name = f"{manifest.name}@{manifest.version}"
        config = _config(name, folder)
        rank, targets = config.get("r"), _targets(config)
        if rank != manifest.rank:
            raise ConflictError(
                f"adapter {name!r} has rank {rank!r} in its files and {manifest.rank} in its "
                "manifest; publish it again"
            )
        if targets != set(manifest.target_modules):
            raise ConflictError(
                f"adapter {name!r} has target modules {sorted(targets)} in its files and "
                f"{sorted(manifest.target_modules)} in its manifest; publish it again"
            )
        for pattern_rank in (config.get("rank_pattern") or {}).values():
            self._check_rank(name, pattern_rank)

    def _check_rank(self, name: str, rank: int) -> None:
        if rank > self.max_rank:
            raise ConflictError(
                f"adapter {name!r} has rank {rank}, this server takes at most {self.max_rank}; "
                "raise serve.engine.max_rank or train it with a smaller train.lora_rank"
            )


def _config(name: str, folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / CONFIG).read_text("utf-8")))
    except (FileNotFoundError, TypeError, ValueError) as error:
        raise ConflictError(
            f"adapter {name!r} has no readable {CONFIG} ({error}); publish it again"
        ) from error


def _targets(config: dict[str, Any]) -> set[str]:
    """peft writes a list; a pattern stands for itself."""
    targets = config.get("target_modules") or []
    return {targets} if isinstance(targets, str) else set(targets)
