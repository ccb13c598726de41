"""Adapters in a registry and hits of a corpus, as small as they can be."""

import json
from pathlib import Path

from cluster.adapters import AdapterRegistry
from cluster.prompts import PROMPT_HASH
from cluster.records import AdapterManifest, AdapterRef, Chunk, Hit

BASE_MODEL = "tiny"
CREATED = "2026-01-02T03:04:05+00:00"


def publish(
    registry: AdapterRegistry, folder: Path, name: str, version: str, **changes: object
) -> AdapterRef:
    """A version with the files of `folder` (a config of rank 4 on q_proj is made when it is not there)."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "adapter_config.json"
    if not config.exists():
        config.write_text(json.dumps({"r": 4, "target_modules": ["q_proj"]}))
    told = json.loads(config.read_text())
    values = {
        "name": name,
        "version": version,
        "base_model": BASE_MODEL,
        "mode": "raft",
        "method": "lora",
        "rank": told["r"],
        "target_modules": tuple(told["target_modules"]),
        "prompt_hash": PROMPT_HASH,
        "created": CREATED,
        "files": {},
    }
    return registry.publish(folder, AdapterManifest(**{**values, **changes}))  # type: ignore[arg-type]


def make_hits(*texts: str) -> list[Hit]:
    """One chunk of its own document each, from offset 100 of it, scores falling from 0.9."""
    return [
        Hit(
            Chunk(
                chunk_id=f"chunk-{n}",
                doc_id=f"doc-{n}",
                uri=f"file:///manual/doc-{n}.md",
                title=f"Manual {n}",
                text=text,
                page=n,
                start=100,
                end=100 + len(text),
                tokens=len(text.split()),
            ),
            score=1.0 - n / 10,
            rank=n,
        )
        for n, text in enumerate(texts, 1)
    ]
