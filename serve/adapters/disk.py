"""Downloaded adapters on this machine: bounded, shared by the replicas on it, safe from each other.

Who uses a version holds a shared lock on a file beside its folder, which ends with the process at the
latest. What is over the limit is deleted by whoever downloads, the longest unused first, and never what
somebody holds.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster.artifacts import MANIFEST
from cluster.records import AdapterRef

_ABANDONED_S = 3600.0  # a download that has not moved for so long was killed
_LOCK = ".lock"
_GONE = ".deleted-"


class Hold:
    """A version in use: its folder is not deleted before `release`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(_lock_of(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._file, fcntl.LOCK_SH)  # waits only while somebody deletes it
        os.utime(self._file)  # when it was last wanted

    def release(self) -> None:
        """Idempotent."""
        if self._file >= 0:
            os.utime(self._file)
            os.close(self._file)
            self._file = -1


@dataclass(frozen=True, slots=True)
class _Stored:
    folder: Path
    bytes: int
    used: float


class Disk:
    """Folders `<root>/<name>/<version>`, together at most `limit_bytes` beside those in use."""

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self.root = root
        self._limit_bytes = limit_bytes

    def hold(self, ref: AdapterRef) -> Hold:
        """Take a version before downloading or reading it."""
        return Hold(self.root / ref.name / ref.version)

    def sweep(self) -> list[str]:
        """Delete what is over the limit and what killed downloads left; the names deleted."""
        self._drop_abandoned()
        stored = sorted(self._stored(), key=lambda entry: entry.used)
        over = sum(entry.bytes for entry in stored) - self._limit_bytes
        deleted = []
        for entry in stored:
            if over <= 0:
                break
            if _delete(entry.folder):
                over -= entry.bytes
                deleted.append(f"{entry.folder.parent.name}@{entry.folder.name}")
        return deleted

    def _stored(self) -> Iterator[_Stored]:
        for manifest in self.root.glob(f"*/*/{MANIFEST}"):
            folder, lock = manifest.parent, _lock_of(manifest.parent)
            try:
                sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
                used = (lock if lock.exists() else manifest).stat().st_mtime
            except FileNotFoundError:  # another replica deletes it now
                continue
            yield _Stored(folder, sum(sizes), used)

    def _drop_abandoned(self) -> None:
        oldest = time.time() - _ABANDONED_S
        for folder in [*self.root.glob("*/.fetching-*"), *self.root.glob(f"*/{_GONE}*")]:
            try:
                if folder.stat().st_mtime < oldest:
                    shutil.rmtree(folder, ignore_errors=True)
            except FileNotFoundError:
                continue


def _lock_of(folder: Path) -> Path:
    return folder.parent / f".{folder.name}{_LOCK}"


def _delete(folder: Path) -> bool:
    """Whether it could be deleted: nobody held it. The lock file stays; it is empty."""
    file = os.open(_lock_of(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # renamed first: a kill half-way must leave nothing under the name that a download wants
        gone = folder.parent / f"{_GONE}{folder.name}-{os.getpid()}"
        os.rename(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)
    except FileNotFoundError:  # another replica was faster
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True
