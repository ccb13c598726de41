"""The recall probe: sampled chunks must find themselves before a generation becomes live.

Through the real retriever, with its mode, embedder and number of hits. It catches what counts cannot:
vectors of another model, an index that lost its rows, texts that do not belong to their vectors. A
hit with the very same text counts: documents may repeat each other.
"""

import random
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from cluster.corpora import Generation
from cluster.errors import GateError
from cluster.keys import seed_of
from cluster.records import Chunk
from cluster.retrieval import Retriever
from cluster.settings import IngestSettings
from data_prep.tables import chunks_of

_AT_ONCE = 100
_SHOWN = 3
_SHOWN_CHARS = 60


def probe(
    retriever: Retriever, generation: Generation, chunks: pa.Table, settings: IngestSettings
) -> None:
    """Raise GateError with examples when too few of the sampled `chunks` find themselves."""
    sampled = sample_chunks(chunks, settings.probe_chunks, generation.generation)
    lost = [chunk for chunk, found in _search(retriever, generation, sampled) if not found]
    if not sampled or 1 - len(lost) / len(sampled) >= settings.probe_recall:
        return
    examples = "; ".join(
        f"{chunk.doc_id} from {chunk.start}: {chunk.text[:_SHOWN_CHARS]!r}"
        for chunk in lost[:_SHOWN]
    )
    raise GateError(
        f"generation {generation.generation} of corpus {generation.corpus!r} did not become live: "
        f"{len(sampled) - len(lost)} of {len(sampled)} sampled chunks find themselves, "
        f"ingest.probe_recall asks for {settings.probe_recall:.0%}; not found: {examples}. The corpus is "
        "as before. Check retrieval.* and models.embedder, or lower ingest.probe_recall"
    )


def sample_chunks(chunks: pa.Table, size: int, seed: str) -> list[Chunk]:
    """Up to `size` chunks; the same ones for the same chunks and seed, in whatever order they come."""
    ids = sorted(chunks["chunk_id"].to_pylist())
    if len(ids) > size:
        ids = random.Random(seed_of("probe", seed)).sample(ids, size)
    rows = chunks.filter(pc.is_in(chunks["chunk_id"], value_set=pa.array(ids, pa.string())))
    return sorted(chunks_of(rows), key=lambda chunk: chunk.chunk_id)


def _search(
    retriever: Retriever, generation: Generation, sampled: Sequence[Chunk]
) -> Iterator[tuple[Chunk, bool]]:
    for start in range(0, len(sampled), _AT_ONCE):
        part = sampled[start : start + _AT_ONCE]
        found = retriever.retrieve(generation, [chunk.text for chunk in part], fresh=True)
        for chunk, hits in zip(part, found, strict=True):
            texts = {hit.chunk.text for hit in hits}
            yield chunk, chunk.text in texts
