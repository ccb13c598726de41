"""Training sets in the object store, in Hugging Face's layout.

`datasets/{name}/{version}/` holds `{split}-00000-of-00001.parquet`, the card `README.md` and the
manifest. Free-form fields are JSON text in their column, so that rows of any shape share one schema.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cluster import artifacts
from cluster.errors import NotFoundError
from cluster.keys import dataset_prefix, safe_name
from cluster.objects import ObjectStore
from cluster.pointers import Pointer
from cluster.records import SPLITS, ContextDocument, Quote, RaftExample, Split, as_json

_DOCUMENT = pa.struct([
    ("chunk_id", pa.string()), ("doc_id", pa.string()), ("title", pa.string()), ("text", pa.string()),
    ("role", pa.string()), ("score", pa.float64()), ("rank", pa.int64()),
])  # fmt: skip
_QUOTE = pa.struct([("chunk_id", pa.string()), ("start", pa.int64()), ("end", pa.int64())])
SCHEMA = pa.schema([
    ("id", pa.string()), ("question", pa.string()), ("documents", pa.list_(_DOCUMENT)),
    ("oracle_present", pa.bool_()), ("reasoning", pa.string()), ("plain_reasoning", pa.string()),
    ("answer", pa.string()), ("quotes", pa.list_(_QUOTE)), ("oracle", pa.list_(pa.string())),
    ("split", pa.string()), ("seed", pa.int64()), ("provenance", pa.string()),
])  # fmt: skip


class Datasets:
    """The training sets of one object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def names(self) -> list[str]:
        """Sets that have a latest version."""
        keys = self._store.list("datasets")
        return sorted({key.split("/")[1] for key in keys if key.endswith("/latest.json")})

    def resolve(self, spec: str) -> tuple[str, str]:
        """`name` (its latest version) or `name@version`; NotFoundError lists the known sets."""
        name, _, version = spec.partition("@")
        safe_name("dataset", name)
        if not version:
            version = (self._latest(name).read() or {}).get("version", "")
        if version and artifacts.read_manifest(self._store, dataset_prefix(name, version)):
            return name, version
        known = ", ".join(self.names()) or "none yet"
        raise NotFoundError(
            f"dataset {spec!r} does not exist (known: {known}); "
            f"make it with `openbook synth --corpus C --dataset {name} --qa FILE`"
        )

    def manifest(self, spec: str) -> dict[str, Any]:
        """The manifest of a set."""
        return artifacts.read_manifest(self._store, dataset_prefix(*self.resolve(spec))) or {}

    def read(self, spec: str, split: Split) -> list[RaftExample]:
        """The examples of one split, sorted by id; empty when the set has none in it."""
        key = f"{dataset_prefix(*self.resolve(spec))}/{_file(split)}"
        try:
            data = self._store.get(key)
        except NotFoundError:
            return []
        rows = pq.read_table(pa.BufferReader(data)).to_pylist()
        return sorted((_example(row) for row in rows), key=lambda example: example.id)

    def publish(
        self,
        name: str,
        version: str,
        examples: Mapping[Split, Sequence[RaftExample]],
        manifest: Mapping[str, Any],
        card: str,
    ) -> dict[str, Any]:
        """Write a version (manifest last) and point `latest` at it; a known version is a no-op."""
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            (folder / "README.md").write_text(card, "utf-8")
            for split in SPLITS:
                rows = sorted(examples.get(split, ()), key=lambda example: example.id)
                if rows:
                    pq.write_table(_table(rows), folder / _file(split))
            complete = {"dataset": name, "version": version, **manifest}
            published = artifacts.publish(
                self._store, dataset_prefix(name, version), folder, complete
            )
        latest = self._latest(name)
        latest.move({"version": version}, latest.read())
        return published

    def _latest(self, name: str) -> Pointer:
        return Pointer(self._store, f"datasets/{safe_name('dataset', name)}/latest.json")


def _file(split: Split) -> str:
    return f"{split}-00000-of-00001.parquet"


def _table(examples: Sequence[RaftExample]) -> pa.Table:
    rows = [as_json(example) for example in examples]
    for row in rows:
        row["provenance"] = json.dumps(row["provenance"], sort_keys=True, ensure_ascii=False)
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _example(row: dict[str, Any]) -> RaftExample:
    return RaftExample(
        **{
            **row,
            "documents": tuple(ContextDocument(**document) for document in row["documents"]),
            "quotes": tuple(Quote(**quote) for quote in row["quotes"]),
            "oracle": tuple(row["oracle"]),
            "provenance": json.loads(row["provenance"]),
        }
    )
