"""What a run measured at every step, as Parquet parts in the object store: `runs/{run}/metrics/`.

A part is written before the checkpoint that ends it, and a run that goes on from a checkpoint forgets the
parts after it: each step is there once, whatever was interrupted. TensorBoard reads the same folder.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.objects import ObjectStore

SCHEMA = pa.schema([
    ("step", pa.int64()), ("epoch", pa.int64()), ("loss", pa.float64()), ("learning_rate", pa.float64()),
    ("gradient_norm", pa.float64()), ("tokens", pa.int64()), ("seconds", pa.float64()),
    ("validation_loss", pa.float64()),
])  # fmt: skip
_SCALARS = ("loss", "learning_rate", "gradient_norm", "validation_loss")
_PART, _EVENTS = ".parquet", "events.out.tfevents"


class Curve:
    """The curve of one run; `events` adds a TensorBoard file to each part."""

    def __init__(self, store: ObjectStore, prefix: str, events: bool) -> None:
        self._store = store
        self._prefix = prefix
        self._events = events

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the rows of consecutive steps; nothing without any."""
        if not rows:
            return
        name = f"{rows[0]['step']:08d}"
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), sink)
        self._store.put(f"{self._prefix}/{name}{_PART}", sink.getvalue().to_pybytes())
        if self._events:
            self._store.put(f"{self._prefix}/{_EVENTS}.{name}", _event_file(rows))

    def forget_after(self, step: int) -> None:
        """Delete the parts that begin after a step."""
        for key in list(self._store.list(self._prefix)):
            if int(key.removesuffix(_PART).rpartition("/")[2].rpartition(".")[2]) > step:
                self._store.delete(key)

    def read(self) -> pa.Table:
        """All steps so far, in order."""
        keys = sorted(key for key in self._store.list(self._prefix) if key.endswith(_PART))
        parts = [pq.read_table(pa.BufferReader(self._store.get(key))) for key in keys]
        return pa.concat_tables([SCHEMA.empty_table(), *parts])


def _event_file(rows: Sequence[Mapping[str, Any]]) -> bytes:
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder) as writer:
            for row in rows:
                for name in _SCALARS:
                    if row[name] is not None:
                        writer.add_scalar(f"train/{name}", row[name], row["step"])
        (path,) = Path(folder).iterdir()
        return path.read_bytes()
