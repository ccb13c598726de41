"""Training sets in the object store, in Hugging Face's layout.

`datasets/{name}/{version}/` holds `{split}-00000-of-00001.parquet`, the card `README.md` and the
manifest, whose `kind` says what the rows are: `raft` examples, `cpt` text or `instruct` conversations.
Free-form fields are JSON text in their column, so that rows of any shape share one schema.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cluster import artifacts
from cluster.errors import InputError, NotFoundError
from cluster.keys import dataset_prefix, safe_name
from cluster.mapped_rows import MappedRows, Record
from cluster.objects import ObjectStore
from cluster.pointers import Pointer
from cluster.records import (
    SPLITS,
    ContextDocument,
    Conversation,
    PackedText,
    Quote,
    RaftExample,
    Segment,
    Split,
    Turn,
    as_json,
)

_DOCUMENT = pa.struct([
    ("chunk_id", pa.string()), ("doc_id", pa.string()), ("title", pa.string()), ("text", pa.string()),
    ("role", pa.string()), ("score", pa.float64()), ("rank", pa.int64()), ("kind", pa.string()),
    ("poisoned", pa.bool_()),
])  # fmt: skip
_QUOTE = pa.struct([("chunk_id", pa.string()), ("start", pa.int64()), ("end", pa.int64())])
SCHEMA = pa.schema([
    ("id", pa.string()), ("question", pa.string()), ("documents", pa.list_(_DOCUMENT)),
    ("oracle_present", pa.bool_()), ("reasoning", pa.string()), ("plain_reasoning", pa.string()),
    ("answer", pa.string()), ("quotes", pa.list_(_QUOTE)), ("oracle", pa.list_(pa.string())),
    ("split", pa.string()), ("seed", pa.int64()), ("provenance", pa.string()), ("abstain", pa.bool_()),
])  # fmt: skip
_SEGMENT = pa.struct([("doc_id", pa.string()), ("start", pa.int64()), ("end", pa.int64())])
TEXTS = pa.schema([
    ("id", pa.string()), ("text", pa.string()), ("segments", pa.list_(_SEGMENT)),
    ("tokens", pa.int64()), ("split", pa.string()),
])  # fmt: skip
_TURN = pa.struct([("role", pa.string()), ("content", pa.string()), ("learn", pa.bool_())])
CONVERSATIONS = pa.schema([
    ("id", pa.string()), ("messages", pa.list_(_TURN)), ("split", pa.string()),
])  # fmt: skip
_MAKE = {
    "raft": "openbook synth",
    "cpt": "openbook synth --cpt",
    "instruct": "openbook dataset import",
}
_ROW_GROUP = 1000


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
            f"make it with `openbook synth --corpus C --dataset {name} --qa FILE`, or from a file of "
            f"conversations with `openbook dataset import FILE --name {name}`"
        )

    def manifest(self, spec: str) -> dict[str, Any]:
        """The manifest of a set."""
        return artifacts.read_manifest(self._store, dataset_prefix(*self.resolve(spec))) or {}

    def versions(self, name: str) -> list[str]:
        """Complete versions of a set, by name."""
        keys = self._store.list(f"datasets/{safe_name('dataset', name)}")
        return sorted(key.split("/")[2] for key in keys if key.endswith("/manifest.json"))

    def read(self, spec: str, split: Split) -> Sequence[RaftExample]:
        """The examples of one split, sorted by id; empty when the set has none in it.

        Rows are decoded when they are asked for. Raises InputError for a set of another kind.
        """
        return self._rows(spec, split, "raft", _example)

    def read_texts(self, spec: str, split: Split) -> Sequence[PackedText]:
        """The rows of one split of a CPT set, in their order. Raises InputError for another kind."""
        return self._rows(spec, split, "cpt", _packed)

    def read_conversations(self, spec: str, split: Split) -> Sequence[Conversation]:
        """The rows of one split of an instruction set, in their order. InputError for another kind."""
        return self._rows(spec, split, "instruct", _conversation)

    def publish(
        self,
        name: str,
        version: str,
        examples: Mapping[Split, Sequence[RaftExample]],
        manifest: Mapping[str, Any],
        card: str,
    ) -> dict[str, Any]:
        """Write a version (manifest last) and point `latest` at it; a known version is a no-op."""

        def write(folder: Path) -> tuple[Mapping[str, Any], str]:
            for split in SPLITS:
                rows = sorted(examples.get(split, ()), key=lambda example: example.id)
                if rows:
                    pq.write_table(_table(rows), folder / _file(split), row_group_size=_ROW_GROUP)
            return manifest, card

        return self._publish(name, version, write)

    def publish_stream(
        self,
        name: str,
        version: str,
        records: Iterable[PackedText | Conversation],
        describe: Callable[[], tuple[Mapping[str, Any], str]],
    ) -> dict[str, Any]:
        """`publish` for rows as they come; after the last one `describe` gives manifest and card."""

        def write(folder: Path) -> tuple[Mapping[str, Any], str]:
            _write_stream(folder, records)
            return describe()

        return self._publish(name, version, write)

    def _publish(
        self, name: str, version: str, write: Callable[[Path], tuple[Mapping[str, Any], str]]
    ) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            manifest, card = write(folder)
            (folder / "README.md").write_text(card, "utf-8")
            complete = {"dataset": name, "version": version, **manifest}
            published = artifacts.publish(
                self._store, dataset_prefix(name, version), folder, complete
            )
        latest = self._latest(name)
        latest.move({"version": version}, latest.read())
        return published

    def _rows(
        self, spec: str, split: Split, wanted: str, make: Callable[[dict[str, Any]], Record]
    ) -> Sequence[Record]:
        name, version = self.resolve(spec)
        exact = f"{name}@{version}"
        kind = self.manifest(exact).get("kind", "raft")
        if kind != wanted:
            raise InputError(
                f"dataset {exact} is of kind {kind!r}, {wanted!r} is needed; make one with "
                f"`{_MAKE[wanted]}`"
            )
        with tempfile.TemporaryDirectory() as work:
            parquet = Path(work) / _file(split)
            try:
                self._store.download(f"{dataset_prefix(name, version)}/{_file(split)}", parquet)
            except NotFoundError:
                return ()
            return MappedRows(parquet, make)

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


def _packed(row: dict[str, Any]) -> PackedText:
    return PackedText(**{**row, "segments": tuple(Segment(**one) for one in row["segments"])})


def _conversation(row: dict[str, Any]) -> Conversation:
    return Conversation(**{**row, "messages": tuple(Turn(**turn) for turn in row["messages"])})


def _write_stream(folder: Path, records: Iterable[PackedText | Conversation]) -> None:
    """Each record into the file of its split, in row groups as they come."""
    rest, writers = iter(records), dict[str, pq.ParquetWriter]()
    try:
        while group := list(islice(rest, _ROW_GROUP)):
            schema = TEXTS if isinstance(group[0], PackedText) else CONVERSATIONS
            for split in SPLITS:
                own = [as_json(record) for record in group if record.split == split]
                if own and split not in writers:
                    writers[split] = pq.ParquetWriter(folder / _file(split), schema)
                if own:
                    writers[split].write_table(pa.Table.from_pylist(own, schema=schema))
    finally:
        for writer in writers.values():
            writer.close()
