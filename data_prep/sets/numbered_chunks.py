"""The chunks of a generation by number: a random one costs the same in a million as in ten.

Made once a machine and generation from its chunk files, as an uncompressed Arrow file that is mapped
and not read, so a pick touches the pages of one row. Numbers follow the chunk ids: how the generation
was cut into files makes no difference to what number 7 is.
"""

import json
import os
import random
import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.corpora import Generation
from cluster.keys import content_id
from cluster.objects import ObjectStore
from cluster.records import Chunk
from data_prep.corpus.tables import CHUNKS, chunks_of
from data_prep.corpus.texts import stream_chunks

_ROWS, _ORDER, _DONE = "rows.arrow", "order.npy", "done.json"


class NumberedChunks:
    """All chunks of one generation. Open it with `number_chunks`."""

    def __init__(self, folder: Path) -> None:
        reader = pa.ipc.open_file(pa.memory_map(str(folder / _ROWS)))
        self._batches = [reader.get_batch(n) for n in range(reader.num_record_batches)]
        self._ends = list(accumulate(batch.num_rows for batch in self._batches))
        self._order = np.load(folder / _ORDER, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._order)

    def chunk(self, number: int) -> Chunk:
        """Chunk `number`, counted from 0 in the order of chunk ids."""
        row = int(self._order[number])
        batch = bisect_right(self._ends, row)
        within = row - (self._ends[batch - 1] if batch else 0)
        table = pa.Table.from_batches([self._batches[batch].slice(within, 1)])
        return chunks_of(table)[0]

    def draw(self, seed: int, limit: int) -> Iterator[Chunk]:
        """At most `limit` different chunks in a random order that the seed decides, read as they are used."""
        numbers = random.Random(seed).sample(range(len(self)), min(limit, len(self)))
        return (self.chunk(number) for number in numbers)


def number_chunks(store: ObjectStore, generation: Generation, cache: Path) -> NumberedChunks:
    """The numbered chunks of a generation below `cache`, made there first where it is missing.

    Several processes may do so at once: the first to finish wins, all work with the same bytes.
    """
    name = content_id(store.url, generation.corpus, generation.generation)
    target = cache / "numbered-chunks" / name
    if (target / _DONE).is_file():
        return NumberedChunks(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".numbering-", dir=target.parent))
    try:
        _fill(store, generation, work)
        os.rename(work, target)
    except OSError:
        if not (target / _DONE).is_file():  # else another process was faster
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return NumberedChunks(target)


def _fill(store: ObjectStore, generation: Generation, folder: Path) -> None:
    """Write the numbered chunks of a generation to `folder`, one chunk file in memory at a time."""
    ids = []
    with pa.ipc.new_file(str(folder / _ROWS), CHUNKS) as rows:
        for table in stream_chunks(store, generation):
            rows.write_table(table.cast(CHUNKS))
            ids += table["chunk_id"].chunks
    order = pc.sort_indices(pa.chunked_array(ids, pa.string()))
    np.save(folder / _ORDER, order.to_numpy().astype(np.int64))
    (folder / _DONE).write_text(json.dumps({"chunks": len(order)}), "utf-8")
