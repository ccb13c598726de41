"""Movable names: a small JSON object that changes only by compare-and-swap."""

import json
from collections.abc import Mapping
from typing import Any

from cluster.errors import ConflictError, NotFoundError
from cluster.keys import canonical_json
from cluster.objects import ObjectStore


class Pointer:
    """The pointer at `key`; what it holds is decided by its owner."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store = store
        self.key = key

    def read(self) -> dict[str, Any] | None:
        """The current value; None when the pointer was never set."""
        return self._read()[0]

    def move(self, value: Mapping[str, Any], expected: Mapping[str, Any] | None) -> None:
        """Set `value` if the current one equals `expected`; ConflictError when somebody moved it."""
        current, etag = self._read()
        if current != (dict(expected) if expected is not None else None):
            raise ConflictError(
                f"pointer {self.key!r} now holds {current}, expected {expected}; read it again and retry"
            )
        data = canonical_json(dict(value)).encode()
        if etag is None:
            self._store.create(self.key, data)
        else:
            self._store.swap(self.key, data, etag)

    def _read(self) -> tuple[dict[str, Any] | None, str | None]:
        try:
            data, etag = self._store.get_with_etag(self.key)
        except NotFoundError:
            return None, None
        return json.loads(data), etag
