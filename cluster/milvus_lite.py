"""The embedded vector store: a Milvus Lite server that Openbook starts, finds again and stops.

`<home>/milvus/server.json` names the running server (pid, port). Every process that uses it holds a
shared lock on `users.lock`; whoever is the last to leave stops the server. The kernel drops locks of
killed processes, so a server orphaned by a crash is found, used and stopped by the next command. A
server that dies while somebody uses it is started again, at the port that its users know.
Always one worker thread: with more, Milvus Lite loses acknowledged rows when it is killed.
"""

import fcntl
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from cluster.errors import UnavailableError

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
_POLL_S = 0.05
_WATCH_S = 1.0
_FIRST_PORT, _PORTS = 10_000, 10_000
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")

_LOG = logging.getLogger(__name__)


class EmbeddedMilvus:
    """Context manager; `uri` is the server's address while inside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._state = self._folder / "server.json"
        self._users: IO[str] | None = None
        self._left = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="embedded Milvus", daemon=True)
        self.uri = ""

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._starting():
            self._users = open(self._folder / "users.lock", "a")  # held until exit
            fcntl.flock(self._users, fcntl.LOCK_SH)
            port = self._running() or self._start()
        self.uri = f"http://127.0.0.1:{port}"
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._users is None:
            return
        self._left.set()
        self._watcher.join()
        with self._starting():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._stop()
            except BlockingIOError:
                pass  # others still use the server; the last of them stops it
            finally:
                self._users.close()
                self._users = None

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """Starting and stopping are one at a time."""
        with open(self._folder / "start.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _watch(self) -> None:
        """Start a server again that died: nobody stops one that has users."""
        while not self._left.wait(_WATCH_S):
            if self._is_alive():
                continue
            with self._starting():
                if self._is_alive():
                    continue  # another user was faster
                try:
                    self._start(int(self.uri.rpartition(":")[2]))
                except UnavailableError as error:
                    _LOG.warning("%s; trying again", error)

    def _is_alive(self) -> bool:
        state = self._known()
        return state is not None and _is_ours(state["pid"], self._folder)

    def _running(self) -> int | None:
        state = self._known()
        if state and self._is_alive() and _answers(state["port"]):
            return state["port"]
        return None

    def _known(self) -> dict[str, int] | None:
        """What is written down of the server: `pid` and `port`."""
        try:
            return dict(json.loads(self._state.read_text()))
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def _start(self, wanted: int | None = None) -> int:
        """The port of a new server: the one wanted; else that of the one before, where it is free."""
        if wanted and not _is_free(wanted):
            raise UnavailableError(
                f"port {wanted}, where others expect the embedded Milvus Lite server, is taken"
            )
        known = self._known()
        self._stop()
        port = wanted
        if port is None:
            port = known["port"] if known and _is_free(known["port"]) else _free_port()
        log = self._folder / "server.log"
        command = [sys.executable, "-m", "milvus_lite", "server"]
        command += ["--data-dir", str(self._folder / "data"), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--max-workers", "1"]
        with open(log, "ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        self._state.write_text(json.dumps({"pid": process.pid, "port": port}))
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise UnavailableError(
                    f"the embedded Milvus Lite server did not start on port {port}; see {log}"
                )
            time.sleep(_POLL_S)
        return port

    def _stop(self) -> None:
        known = self._known()
        if known is None:
            return
        pid = known["pid"]
        deadline = time.monotonic() + STOP_TIMEOUT_S
        number = signal.SIGTERM
        while _is_ours(pid, self._folder):
            os.kill(pid, number)
            time.sleep(_POLL_S)
            if time.monotonic() > deadline:
                number = signal.SIGKILL
        _reap(pid)
        self._state.unlink(missing_ok=True)


def _is_ours(pid: int, folder: Path) -> bool:
    """Whether `pid` is a live server over `folder`, not a later process with the same number."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return str(folder / "data") in command.split("\0")


def _reap(pid: int) -> None:
    """Collect the ended server if it is our child, so that no zombie stays."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections that end
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    """Below those of outgoing connections, one of which could take the port of a server that died."""
    first = int(_OUTGOING.read_text().split()[0])
    below = range(max(_FIRST_PORT, first - _PORTS), first)
    for port in random.sample(below, len(below)):
        if _is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
