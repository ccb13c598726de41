"""Ids and object keys. Pure: the same input gives the same name on every machine.

Ids are content hashes, so a re-run finds what an earlier run made; names that people choose
are checked before they become keys or paths.
"""

import hashlib
import json
import re
from typing import Any

from cluster.errors import UsageError

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


def content_id(*parts: object, length: int = 16) -> str:
    """Hex digest of the parts in order; parts are separated, so ("ab","c") differs from ("a","bc")."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else canonical_json(part).encode()
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:length]


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no white space: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def seed_of(*parts: object) -> int:
    """A 32-bit seed derived from content, for a random choice that re-runs must repeat."""
    return int(content_id(*parts, length=8), 16)


def safe_name(kind: str, name: str) -> str:
    """The name itself when it may become a key or a path; raises UsageError otherwise."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(
            f"{kind} name {name!r} is not allowed: use 1-64 characters of a-z, 0-9, '.', '_', '-', "
            "starting and ending with a letter or digit"
        )
    return name


def collection_name(corpus: str, index: str) -> str:
    """Milvus collection of one index of a corpus (Milvus allows letters, digits and '_')."""
    return f"openbook_{re.sub('[^a-z0-9]', '_', corpus)}_{content_id(corpus, length=6)}_{index}"


def corpus_prefix(corpus: str) -> str:
    """Everything of one corpus."""
    return f"corpora/{safe_name('corpus', corpus)}"


def generation_prefix(corpus: str, generation: str) -> str:
    """One immutable build of a corpus' index."""
    return f"{corpus_prefix(corpus)}/generations/{safe_name('generation', generation)}"


def dataset_prefix(dataset: str, version: str) -> str:
    """One immutable training set."""
    return f"datasets/{safe_name('dataset', dataset)}/{safe_name('version', version)}"


def adapter_prefix(name: str, version: str) -> str:
    """One immutable adapter version."""
    return f"adapters/{safe_name('adapter', name)}/{safe_name('version', version)}"


def model_prefix(name: str, version: str) -> str:
    """One immutable version of a trained model."""
    return f"models/{safe_name('model', name)}/{safe_name('version', version)}"


def alias_key(name: str, alias: str) -> str:
    """The pointer file of an adapter alias."""
    return f"adapters/{safe_name('adapter', name)}/aliases/{safe_name('alias', alias)}.json"
