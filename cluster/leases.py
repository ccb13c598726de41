"""One holder at a time, across processes and machines: a lock object with a heart-beat.

A holder that died is taken over: at once when it ran on this machine and its process is gone, else
when its heart-beat is older than `STALE_S`. Taking over is a compare-and-swap, so two waiters
cannot both win.
"""

import json
import logging
import os
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cluster.errors import BusyError, ConflictError, NotFoundError, UnavailableError
from cluster.keys import canonical_json
from cluster.objects import ObjectStore

BEAT_S = 10.0
STALE_S = 60.0
_LOG = logging.getLogger(__name__)


class Lease:
    """Context manager; raises BusyError at entry when somebody alive holds `key`."""

    def __init__(self, store: ObjectStore, key: str, purpose: str) -> None:
        self._store = store
        self._key = key
        self._purpose = purpose
        self._etag = ""
        self._lost = False
        self._done = threading.Event()
        self._beat = threading.Thread(target=self._keep, name=f"lease {key}", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._etag = self._store.create(self._key, self._record())
        except ConflictError:
            self._take_over()
        self._beat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._beat.join()
        if self._lost:
            return
        try:
            self._store.delete(self._key)
        except UnavailableError as failure:  # what the block did, or why it failed, counts more
            _LOG.warning("%s stays locked until this process ends: %s", self._key, failure)

    def _take_over(self) -> None:
        try:
            data, etag = self._store.get_with_etag(self._key)
        except NotFoundError:  # released between our two calls
            self._etag = self._store.create(self._key, self._record())
            return
        holder = json.loads(data)
        if _alive(holder):
            raise BusyError(
                f"{self._purpose} cannot start: {holder['purpose']} is running "
                f"(process {holder['pid']} on {holder['host']}); wait for it to end"
            )
        self._etag = self._store.swap(self._key, self._record(), etag)

    def _keep(self) -> None:
        while not self._done.wait(BEAT_S):
            try:
                self._etag = self._store.swap(self._key, self._record(), self._etag)
            except ConflictError:  # taken over after a long pause: the lock is no longer ours
                self._lost = True
                return
            except UnavailableError as failure:  # the next beat may be in time
                _LOG.warning("no sign of life in %s: %s", self._key, failure)

    def _record(self) -> bytes:
        record = {
            "purpose": self._purpose,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": _started(os.getpid()),
            "beat": time.time(),
        }
        return canonical_json(record).encode()


def _alive(holder: dict[str, Any]) -> bool:
    if holder["host"] == socket.gethostname() and holder["started"]:
        return _started(holder["pid"]) == holder["started"]
    return time.time() - holder["beat"] < STALE_S


def _started(pid: int) -> str | None:
    """Start time of a process in kernel ticks: tells a process from a later one with its number.

    None when there is no such process, and where there is no /proc: then the heart-beat decides.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return None
