"""A document's text again, from its chunks: for what looks at documents whole."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.corpora import Generation
from cluster.objects import ObjectStore
from cluster.records import Chunk
from data_prep.corpus.generations import chunk_files
from data_prep.corpus.tables import chunks_of, with_sections

_BATCH_ROWS = 10_000


def document_text(chunks: Iterable[Chunk]) -> str:
    """The text that the chunks of one document cover; what none covers is spaces, so offsets hold."""
    parts, end = [], 0
    for chunk in sorted(chunks, key=lambda chunk: (chunk.start, chunk.end)):
        if chunk.end > end:
            parts.append(" " * (chunk.start - end) + chunk.text[max(0, end - chunk.start) :])
            end = chunk.end
    return "".join(parts)


def stream_chunks(store: ObjectStore, generation: Generation) -> Iterator[pa.Table]:
    """Every chunk of a generation as tables of at most 10,000 rows, in the order of its files."""
    for key in chunk_files(store, generation.corpus, generation.generation):
        file = pq.ParquetFile(pa.BufferReader(store.get(key)))
        for batch in file.iter_batches(_BATCH_ROWS):
            yield with_sections(pa.Table.from_batches([batch]))


def chunks_by_document(
    store: ObjectStore, generation: Generation, doc_ids: Iterable[str]
) -> dict[str, list[Chunk]]:
    """The chunks of some documents, by document and place; a document that is not there has no entry."""
    wanted = pa.array(sorted(set(doc_ids)), pa.string())
    found: dict[str, list[Chunk]] = {}
    for table in stream_chunks(store, generation):
        for chunk in chunks_of(table.filter(pc.is_in(table["doc_id"], value_set=wanted))):
            found.setdefault(chunk.doc_id, []).append(chunk)
    for chunks in found.values():
        chunks.sort(key=lambda chunk: (chunk.start, chunk.end))
    return found
