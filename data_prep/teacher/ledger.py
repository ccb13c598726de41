"""The ledger of a teacher: an answered call is durable before its answer is used, and never paid twice.

A call is named by the hash of model, messages and parameters. Its answer goes first into a journal on
this machine, synced to disk; the journal becomes one parquet part in the object store when it holds
`PART_CALLS` calls, when it is `PART_S` old, and at the end of every round, before anybody reads an
answer of that round. So 100,000 calls are about a thousand objects, and

- when the process is killed, every recorded answer is found by the next run: what is asked again are at
  most the calls under way (`teacher.concurrency`), whose answers never arrived or were not yet synced;
- when the machine is lost with its disk, at most one part is lost with it, none of it used.

Calls carry their name as `Idempotency-Key`, so that an endpoint that honours it charges not even those
again. `corpora/{corpus}/teacher/{model}/calls/{part}.parquet`; parts may overlap after a crash, a call
counts once.
"""

import errno
import json
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from threading import Lock

import pyarrow as pa

from cluster.errors import UnavailableError
from cluster.keys import content_id, corpus_prefix
from cluster.objects import ObjectStore
from data_prep.corpus.tables import get_table, put_table
from data_prep.teacher.budget import Usage
from data_prep.teacher.calls import Reply

PART_CALLS = 256
PART_S = 60.0
_READERS = 16
SCHEMA = pa.schema([
    ("key", pa.string()), ("order", pa.string()), ("kind", pa.string()), ("subject", pa.string()),
    ("model", pa.string()), ("text", pa.string()), ("finish_reason", pa.string()),
    ("tokens_in", pa.int64()), ("tokens_out", pa.int64()), ("created", pa.string()),
])  # fmt: skip


def ledger_prefix(corpus: str, model: str) -> str:
    """Where everything of one teacher of a corpus is kept; models' names may hold any character."""
    return f"{corpus_prefix(corpus)}/teacher/{content_id('teacher', model, length=12)}"


class CallLedger:
    """The answered calls below `prefix`, and the journal of this machine. Thread-safe.

    `open` is for the one writer, who holds a lease; without it the ledger is only read.
    """

    def __init__(self, store: ObjectStore, prefix: str, journal: Path) -> None:
        self._store = store
        self._prefix = f"{prefix}/calls"
        self._path = journal
        self._journal: FileIO | None = None
        self._unsealed: list[Reply] = []
        self._since = 0.0
        self._lock = Lock()
        self._replies = {reply.key: reply for reply in self._stored()}
        self._left = self._journaled()
        self._replies.update((reply.key, reply) for reply in self._left)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Write here; what a killed run left in the journal goes into the store first."""
        with self._disk():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._journal = FileIO(self._path, "a")
        try:
            self._unsealed = list(self._left)
            self.seal()
            yield
        finally:
            try:
                self.seal()
            finally:
                self._journal.close()

    def get(self, key: str) -> Reply | None:
        """The answer of a call, if it was ever answered."""
        return self._replies.get(key)

    def replies(self) -> Iterable[Reply]:
        """All answers."""
        return self._replies.values()

    def spent(self, order: str) -> Usage:
        """What a set has taken so far, over all runs."""
        paid = (reply.usage for reply in self._replies.values() if reply.order == order)
        return sum(paid, Usage())

    def record(self, reply: Reply) -> None:
        """Keep an answer; on disk when this returns. UnavailableError when disk or store fail."""
        # the first line break ends what an append that failed may have left
        line = f"\n{json.dumps(asdict(reply), ensure_ascii=False)}\n".encode()
        with self._lock:
            self._append(line)
            if not self._unsealed:
                self._since = time.monotonic()
            self._unsealed.append(reply)
            self._replies[reply.key] = reply
            due = time.monotonic() - self._since >= PART_S
            if due or len(self._unsealed) >= PART_CALLS:
                self._seal()

    def seal(self) -> None:
        """Move the journal into the object store: its answers survive this machine."""
        with self._lock:
            self._seal()

    def _seal(self) -> None:
        if self._journal is None:
            raise AssertionError("a ledger is written only while it is open")
        if self._unsealed:
            rows = sorted((asdict(reply) for reply in self._unsealed), key=lambda row: row["key"])
            part = content_id("part", [row["key"] for row in rows], length=24)
            table = pa.Table.from_pylist(rows, schema=SCHEMA)
            put_table(self._store, f"{self._prefix}/{part}.parquet", table)
        with self._disk():
            self._journal.truncate(0)
            os.fsync(self._journal.fileno())
        self._unsealed = []

    def _append(self, line: bytes) -> None:
        if self._journal is None:
            raise AssertionError("a ledger is written only while it is open")
        with self._disk():
            if self._journal.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._journal.fileno())

    def _stored(self) -> list[Reply]:
        keys = list(self._store.list(self._prefix))
        with ThreadPoolExecutor(_READERS) as readers:
            tables = readers.map(lambda key: get_table(self._store, key), keys)
            return [Reply(**row) for table in tables for row in table.to_pylist()]

    def _journaled(self) -> list[Reply]:
        """What the journal holds; a line cut off by a crash was never acknowledged."""
        found = []
        with self._disk(), suppress(FileNotFoundError):
            for line in filter(None, self._path.read_bytes().split(b"\n")):
                with suppress(ValueError):
                    found.append(Reply(**json.loads(line)))
        return found

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"cannot use the teacher's journal {str(self._path)!r}: {error.strerror}; "
                "make room or repair the disk and run again, answers kept so far stay"
            ) from error
