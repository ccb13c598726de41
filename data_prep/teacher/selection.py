"""Which chunks the teacher is asked about, and in which order.

The order is random by seed and chunk id and nothing else. So any beginning of it is a fair sample (a
budget that ends early leaves one), and a larger limit asks about the same chunks first.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from cluster.keys import content_id
from cluster.records import Chunk
from data_prep.corpus.tables import chunks_of


@dataclass(frozen=True, slots=True)
class ChosenChunks:
    """The chosen chunks in the order of asking, and how many were left out by reason."""

    chunks: tuple[Chunk, ...]
    skipped: dict[str, int]


def choose_chunks(table: pa.Table, limit: int | None, min_tokens: int, seed: int) -> ChosenChunks:
    """At most `limit` chunks (None is all) of at least `min_tokens`, no text twice."""
    long = table.filter(pc.greater_equal(table["tokens"], min_tokens))
    ids, texts = long["chunk_id"].to_pylist(), long["text"]
    chosen: list[int] = []
    seen: set[str] = set()
    repeated = 0
    for row in sorted(range(len(ids)), key=lambda row: content_id(seed, ids[row])):
        if len(chosen) == limit:
            break
        words = content_id(texts[row].as_py().casefold().split())
        if words in seen:
            repeated += 1
            continue
        seen.add(words)
        chosen.append(row)
    skipped = {"short_chunk": table.num_rows - long.num_rows, "repeated_chunk": repeated}
    chunks = tuple(chunks_of(long.take(pa.array(chosen, pa.int64()))))
    return ChosenChunks(chunks, {reason: count for reason, count in skipped.items() if count})
