"""Chunks where they lie: tables in the object store, read one at a time.

A generation can be larger than memory: only ids and digests of its rows are held at once, its texts
are streamed.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from cluster.objects import ObjectStore
from cluster.rows import row_digest
from data_prep.corpus.tables import CHUNKS, ORDER, get_chunks

_DIGESTED = ("uri", "title", "page", "metadata", "section")


@dataclass(frozen=True, slots=True)
class Part:
    """Chunks of some tables: `digests` by `chunk_id` (see `cluster/rows.py`).

    `everything` says that the tables hold no other chunks.
    """

    files: tuple[str, ...]
    digests: Mapping[str, str]
    everything: bool = True

    @classmethod
    def of(
        cls, store: ObjectStore, files: Sequence[str], doc_ids: Collection[str] | None = None
    ) -> Self:
        """The chunks in these objects, or those of some documents."""
        digests: dict[str, str] = {}
        everything = True
        wanted = None if doc_ids is None else pa.array(list(doc_ids), pa.string())
        for key in files:
            table = get_chunks(store, key, ["chunk_id", "doc_id", *_DIGESTED])
            if wanted is not None:
                kept = table.filter(pc.is_in(table["doc_id"], value_set=wanted))
                everything = everything and kept.num_rows == table.num_rows
                table = kept
            digests.update(digests_of(table))
        return cls(tuple(files), digests, everything)

    def tables(self, store: ObjectStore, ids: Collection[str] | None = None) -> Iterator[pa.Table]:
        """The chunks, or those of them with `ids`, a table an object."""
        if ids is None and self.everything:
            yield from (get_chunks(store, key) for key in self.files)
            return
        wanted = self.digests.keys() if ids is None else self.digests.keys() & set(ids)
        values = pa.array(list(wanted), pa.string())
        for key in self.files if wanted else ():
            table = get_chunks(store, key)
            yield table.filter(pc.is_in(table["chunk_id"], value_set=values))


def digests_of(chunks: pa.Table) -> dict[str, str]:
    """`chunk_id` -> `digest` of the rows that a chunk table becomes."""
    columns = (chunks[name].to_pylist() for name in _DIGESTED)
    digests = (row_digest(*fields) for fields in zip(*columns, strict=True))
    return dict(zip(chunks["chunk_id"].to_pylist(), digests, strict=True))


def borders(chunks: Mapping[str, int], rows: int) -> list[str]:
    """Documents, ascending, that end stretches of at least `rows`, from the chunks of each document."""
    found, waiting = [], 0
    for doc_id in sorted(chunks):
        waiting += chunks[doc_id]
        if waiting >= rows:
            found.append(doc_id)
            waiting = 0
    return found


def in_order(tables: Iterable[pa.Table], borders: Sequence[str]) -> Iterator[pa.Table]:
    """All rows by document and position, a table for each stretch up to a border.

    Tables come in any order. Rows pass through a temporary file for each stretch, so one stretch at a
    time is in memory.
    """
    with tempfile.TemporaryDirectory() as work:
        paths = [str(Path(work, f"{number}.arrow")) for number in range(len(borders) + 1)]
        with ExitStack() as opened:
            files = [opened.enter_context(pa.ipc.new_stream(path, CHUNKS)) for path in paths]
            for table in tables:
                for file, stretch in zip(files, _stretches(table, borders), strict=True):
                    file.write_table(stretch)
        for path in paths:
            with pa.OSFile(path) as file, pa.ipc.open_stream(file) as rows:
                yield rows.read_all().sort_by(ORDER)


def _stretches(table: pa.Table, borders: Sequence[str]) -> Iterator[pa.Table]:
    rest = table
    for border in borders:
        inside = pc.less_equal(rest["doc_id"], border)
        yield rest.filter(inside)
        rest = rest.filter(pc.invert(inside))
    yield rest
