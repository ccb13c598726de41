"""The ledger: what became of every document of a corpus, one snapshot a generation.

`corpora/{corpus}/ledger/{generation}.parquet`. A document that was indexed and later cannot be
parsed keeps its last good chunks: it is `failed`, with `indexed_hash` naming the content that is
still searched. Deleted documents stay as tombstones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import pyarrow as pa

from cluster.errors import NotFoundError
from cluster.keys import corpus_prefix
from cluster.objects import ObjectStore
from data_prep.tables import get_table, put_table

State = Literal["indexed", "failed", "deleted"]
SCHEMA = pa.schema([
    ("doc_id", pa.string()), ("uri", pa.string()), ("content_hash", pa.string()),
    ("state", pa.string()), ("reason", pa.string()), ("indexed_hash", pa.string()),
    ("chunks", pa.int64()), ("generation", pa.string()),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One document: `content_hash` is what the source last held, `indexed_hash` what is searched.

    `indexed_hash` is empty when nothing is; `generation` is the one that last changed the entry.
    """

    doc_id: str
    uri: str
    content_hash: str
    state: State
    reason: str = ""
    indexed_hash: str = ""
    chunks: int = 0
    generation: str = ""


Entries = Mapping[str, Entry]


def read_ledger(store: ObjectStore, corpus: str, generation: str) -> dict[str, Entry]:
    """The snapshot of a generation by `doc_id`; NotFoundError when it was lost."""
    try:
        table = get_table(store, _key(corpus, generation))
    except NotFoundError as error:
        raise NotFoundError(
            f"the ledger of corpus {corpus!r}, generation {generation}, is missing from {store.url}"
        ) from error
    return {row["doc_id"]: Entry(**row) for row in table.to_pylist()}


def write_ledger(
    store: ObjectStore, corpus: str, generation: str, entries: Iterable[Entry]
) -> None:
    """Write or replace the snapshot of a generation."""
    rows = [asdict(entry) for entry in sorted(entries, key=lambda entry: entry.doc_id)]
    put_table(store, _key(corpus, generation), pa.Table.from_pylist(rows, schema=SCHEMA))


def _key(corpus: str, generation: str) -> str:
    return f"{corpus_prefix(corpus)}/ledger/{generation}.parquet"
