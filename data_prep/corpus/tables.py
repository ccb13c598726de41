"""Arrow tables of what ingest keeps in the object store: chunks, and the outcome of each document.

Metadata is JSON text in its column, so that documents of any shape share one schema.
"""

import json
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.keys import canonical_json
from cluster.objects import ObjectStore
from cluster.records import Chunk, as_json

CHUNKS = pa.schema([
    ("chunk_id", pa.string()), ("doc_id", pa.string()), ("uri", pa.string()), ("title", pa.string()),
    ("text", pa.string()), ("page", pa.int64()), ("start", pa.int64()), ("end", pa.int64()),
    ("tokens", pa.int64()), ("metadata", pa.string()), ("section", pa.string()),
])  # fmt: skip
ORDER = [("doc_id", "ascending"), ("start", "ascending")]


def chunk_table(chunks: Iterable[Chunk]) -> pa.Table:
    """Chunks as rows, in the order given."""
    rows = [as_json(chunk) for chunk in chunks]
    for row in rows:
        row["metadata"] = canonical_json(row["metadata"])
    return pa.Table.from_pylist(rows, schema=CHUNKS)


def chunks_of(table: pa.Table) -> list[Chunk]:
    """The rows of a chunk table; columns beside a chunk's are ignored."""
    rows = table.select(CHUNKS.names).to_pylist()
    return [Chunk(**{**row, "metadata": json.loads(row["metadata"])}) for row in rows]


def put_table(store: ObjectStore, key: str, table: pa.Table) -> None:
    """Write one parquet object, atomically."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    store.put(key, sink.getvalue().to_pybytes())


def get_table(store: ObjectStore, key: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one parquet object, or some of its columns; NotFoundError when it is not there."""
    names = None if columns is None else list(columns)
    return pq.read_table(pa.BufferReader(store.get(key)), columns=names)


def get_chunks(store: ObjectStore, key: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one object of chunks, or some of their columns; as `get_table`."""
    file = pq.ParquetFile(pa.BufferReader(store.get(key)))
    there = set(file.schema_arrow.names)
    names = [name for name in columns or CHUNKS.names if name in there or name != "section"]
    return with_sections(file.read(names), columns)


def with_sections(table: pa.Table, columns: Sequence[str] | None = None) -> pa.Table:
    """A table of chunks that has a `section` if `columns` (None: all) do: builds of old have none."""
    if "section" in table.column_names or "section" not in (columns or CHUNKS.names):
        return table
    return table.append_column("section", pa.array([""] * table.num_rows, pa.string()))


def get_tables(store: ObjectStore, keys: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Several parquet objects of one schema as one table; empty without keys."""
    return pa.concat_tables([schema.empty_table(), *(get_table(store, key) for key in keys)])
