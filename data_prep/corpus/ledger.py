"""The ledger: what became of every document of a corpus, one snapshot a generation.

`corpora/{corpus}/ledger/{generation}.parquet`. A document that was indexed and later cannot be
parsed keeps its last good chunks: it is `failed`, with `indexed_hash` naming the content that is
still searched. Deleted documents stay as tombstones. The snapshot remembers where the documents came
from, so that failed ones can be tried again without being told.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import pyarrow as pa

from cluster.errors import NotFoundError
from cluster.keys import corpus_prefix
from cluster.objects import ObjectStore
from data_prep.corpus.tables import get_table, put_table

_ORIGIN = b"openbook.origin"
State = Literal["indexed", "failed", "deleted"]
SCHEMA = pa.schema([
    ("doc_id", pa.string()), ("uri", pa.string()), ("content_hash", pa.string()),
    ("state", pa.string()), ("reason", pa.string()), ("indexed_hash", pa.string()),
    ("chunks", pa.int64()), ("generation", pa.string()), ("attempts", pa.int64()),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One document: `content_hash` is what the source last held, `indexed_hash` what is searched.

    `indexed_hash` is empty when nothing is; `generation` is the one that last changed the entry;
    `attempts` is how often this content was tried.
    """

    doc_id: str
    uri: str
    content_hash: str
    state: State
    reason: str = ""
    indexed_hash: str = ""
    chunks: int = 0
    generation: str = ""
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """What an ingest was told to read; the columns are settings of the same names."""

    location: str
    text_column: str = ""
    id_column: str = ""


Entries = Mapping[str, Entry]


def read_ledger(store: ObjectStore, corpus: str, generation: str) -> dict[str, Entry]:
    """The snapshot of a generation by `doc_id`; NotFoundError when it was lost."""
    table = _read(store, corpus, generation)
    return {row["doc_id"]: Entry(**row) for row in table.to_pylist()}


def read_origin(store: ObjectStore, corpus: str, generation: str) -> Origin | None:
    """Where the documents of a generation came from; None when the snapshot does not say."""
    metadata = _read(store, corpus, generation).schema.metadata or {}
    return Origin(**json.loads(metadata[_ORIGIN])) if _ORIGIN in metadata else None


def write_ledger(
    store: ObjectStore,
    corpus: str,
    generation: str,
    entries: Iterable[Entry],
    origin: Origin | None = None,
) -> None:
    """Write or replace the snapshot of a generation."""
    rows = [asdict(entry) for entry in sorted(entries, key=lambda entry: entry.doc_id)]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    if origin is not None:
        table = table.replace_schema_metadata({_ORIGIN: json.dumps(asdict(origin))})
    put_table(store, ledger_key(corpus, generation), table)


def ledger_key(corpus: str, generation: str) -> str:
    """The object that holds the snapshot of a generation."""
    return f"{corpus_prefix(corpus)}/ledger/{generation}.parquet"


def _read(store: ObjectStore, corpus: str, generation: str) -> pa.Table:
    try:
        return get_table(store, ledger_key(corpus, generation))
    except NotFoundError as error:
        raise NotFoundError(
            f"the ledger of corpus {corpus!r}, generation {generation}, is missing from {store.url}"
        ) from error
