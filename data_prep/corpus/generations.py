"""Second durable step of ingest: a generation in the object store, its chunks and its manifest.

`corpora/{corpus}/generations/{generation}/chunks-*.parquet` hold every chunk of the generation,
sorted, so the index can be rebuilt from them and the same documents give the same bytes.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.artifacts import publish, read_manifest
from cluster.corpora import Generation
from cluster.errors import NotFoundError
from cluster.keys import generation_prefix
from cluster.objects import ObjectStore
from data_prep.corpus.sources.origins import Origin, normalise
from data_prep.corpus.tables import CHUNKS, ORDER, get_chunks

_ROWS_PER_FILE = 100_000
_PACKAGES = (
    "ray", "tokenizers", "pypdfium2", "python-pptx", "lxml", "striprtf",
    "sentence-transformers",
)  # fmt: skip


def chunk_files(store: ObjectStore, corpus: str, generation: str) -> list[str]:
    """Keys of the chunk files; NotFoundError when the generation is not complete."""
    prefix = generation_prefix(corpus, generation)
    manifest = read_manifest(store, prefix)
    if manifest is None:
        raise NotFoundError(f"corpus {corpus!r} has no generation {generation!r}")
    return [f"{prefix}/{name}" for name in sorted(manifest["files"]) if name.startswith("chunks-")]


def read_chunks(store: ObjectStore, corpus: str, generation: str) -> pa.Table:
    """Every chunk of a generation."""
    tables = (get_chunks(store, key) for key in chunk_files(store, corpus, generation))
    return pa.concat_tables([CHUNKS.empty_table(), *tables])


def describe(generation: Generation, origins: Iterable[Origin]) -> dict[str, Any]:
    """The manifest of a generation, but for its files and the time; its lineage are the sources."""
    index = generation.generation.partition("-")[0]
    columns = ("location", "text_column", "id_column")
    sources = [{name: getattr(origin, name) for name in columns} for origin in origins]
    return {**asdict(generation), "index": index, "sources": sources}


def read_sources(store: ObjectStore, corpus: str, generation: str) -> tuple[Origin, ...]:
    """The sources in the manifest of a generation, for a corpus whose ledger was lost."""
    manifest = read_manifest(store, generation_prefix(corpus, generation)) or {}
    single = [{"location": manifest["source"]}] if "source" in manifest else []
    rows = manifest.get("sources", single)
    return tuple(Origin(**{**row, "location": normalise(row["location"])}) for row in rows)


def publish_generation(
    store: ObjectStore, chunks: pa.Table | Iterable[pa.Table], manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the chunk files, then the manifest; a known generation is left as it is.

    `chunks` is a table in any order, or tables that are in order, one at a time.
    """
    prefix = generation_prefix(manifest["corpus"], manifest["generation"])
    complete = {
        **manifest,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "packages": {name: version(name) for name in _PACKAGES},
    }
    with tempfile.TemporaryDirectory() as work:
        ordered = [chunks.sort_by(ORDER)] if isinstance(chunks, pa.Table) else chunks
        for number, table in enumerate(_files(ordered)):
            path = Path(work) / f"chunks-{number:05d}.parquet"
            pq.write_table(table, path, compression="zstd")
        return publish(store, prefix, Path(work), complete)


def _files(chunks: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables of the same rows each, whatever the tables that come in: equal bytes for equal chunks."""
    waiting = CHUNKS.empty_table()
    for table in chunks:
        waiting = pa.concat_tables([waiting, table])
        while waiting.num_rows >= _ROWS_PER_FILE:
            yield waiting.slice(0, _ROWS_PER_FILE).combine_chunks()
            waiting = waiting.slice(_ROWS_PER_FILE)
    if waiting.num_rows:
        yield waiting.combine_chunks()
