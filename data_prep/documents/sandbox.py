"""A process of its own for parsers, with a limit on time and on memory, used for many documents.

    worker of Ray ──(what to parse, bytes)──▶ parse_process ──(text | reason)──▶ worker of Ray

A parser that never ends, eats memory or crashes takes this process with it and nothing else: the
document fails with a reason, and the next one gets a new process. Starting one costs about as much as
parsing a few hundred small files, so it stays until it fails or has grown. Answers are JSON and never
pickles, and the process sees no credentials: it reads bytes that strangers wrote.
"""

import json
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cluster.errors import UnavailableError
from cluster.settings import IngestSettings
from data_prep.chunking.cutter import Span
from data_prep.documents.cutting import Cutting
from data_prep.documents.formats.kinds import Format
from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.parsed import Parsed, ParseError

PROCESS = "data_prep.documents.parse_process"
_ROOT = str(Path(__file__).parents[2])
# what a parser may know of the environment
_ENVIRON = (
    "CUDA_VISIBLE_DEVICES", "DOCLING_ARTIFACTS_PATH", "HF_HOME", "HF_HUB_OFFLINE", "HOME", "LANG", "LC_ALL",
    "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "PATH", "TMPDIR",
)  # fmt: skip
_START_S, _LOAD_S = 120.0, 900.0
_END_S = 5.0
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Sandbox:
    """Parses documents one after another; not thread-safe. Forget it, or `close()` it."""

    def __init__(
        self, settings: IngestSettings, process: str = PROCESS, cutting: Cutting | None = None
    ) -> None:
        """`process` is the module to run: one that calls `parse_process.serve`.

        With `cutting` documents come with their spans.
        """
        self._settings = settings
        self._module = process
        self._setup = cutting.to_json() if cutting else b""
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._stop: Callable[[], object] = _nothing

    def parse(self, data: bytes, named: Format) -> Parsed:
        """What the parser found; ParseError with the reason when it found nothing, failed, or was stopped."""
        connection = self._running()
        task = {"named": named, "pdf_parser": self._settings.pdf_parser}
        try:
            connection.send_bytes(json.dumps(task).encode())
            connection.send_bytes(data)
            self._wait_for_load(connection)
            if not connection.poll(self._settings.parse_timeout_s):
                self.close()
                raise ParseError(
                    f"parsing took longer than {self._settings.parse_timeout_s:g} s; leave it out, or "
                    "raise ingest.parse_timeout_s and run `openbook corpus retry`"
                )
            answer = json.loads(connection.recv_bytes())
        except (EOFError, OSError) as error:
            raise ParseError(self._crashed()) from error
        if answer["last"]:
            self.close()
        if answer["reason"]:
            raise ParseError(answer["reason"])
        return _parsed(answer)

    def close(self) -> None:
        """End the process; the next document gets a new one."""
        self._stop()
        self._process = self._connection = None

    def _running(self) -> Connection:
        if self._connection is not None and self._process and self._process.poll() is None:
            return self._connection
        self.close()
        ours, theirs = Pipe()
        limits = self._settings.parse_timeout_s, self._settings.parse_memory_mib
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", self._module, str(theirs.fileno()), *map(str, limits)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=_environment(),
            start_new_session=True,
        )
        theirs.close()
        self._process, self._connection = process, ours
        self._stop = weakref.finalize(self, _kill, process, ours)
        try:
            ours.send_bytes(self._setup)
            started = ours.poll(_START_S) and ours.recv_bytes()
        except (EOFError, OSError):
            started = b""
        if not started:
            self.close()
            raise UnavailableError(
                f"the process for parsers ({sys.executable} -m {self._module}) did not start within "
                f"{_START_S:.0f} s; run it by hand to see why"
            )
        return ours

    def _wait_for_load(self, connection: Connection) -> None:
        """UnavailableError when the libraries for a format cannot be loaded: no document's fault."""
        fault = (
            connection.recv_bytes().decode() if connection.poll(_LOAD_S) else "it takes too long"
        )
        if fault:
            self.close()
            raise UnavailableError(
                f"a parser could not be loaded ({fault}); repair the installation, with docling check "
                "that its models can be downloaded, then run the same command again: it continues"
            )

    def _crashed(self) -> str:
        process = self._process
        assert process is not None
        with suppress(subprocess.TimeoutExpired):  # the pipe ends a little before the process does
            process.wait(_END_S)
        self.close()
        code = process.returncode
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if -code in _FROM_OUTSIDE:
            return (
                f"its parser was stopped from outside ({how}), perhaps because the machine had no memory "
                "left; run `openbook corpus retry`"
            )
        if -code == signal.SIGABRT:  # what libraries in C++ do when they get no memory
            return (
                f"the parser gave up on it ({how}): it needs more than {self._settings.parse_memory_mib} MiB "
                "of memory, or is damaged; leave it out, or raise ingest.parse_memory_mib and run "
                "`openbook corpus retry`"
            )
        return (
            f"the parser crashed on it ({how}); the file is damaged or made to do so: leave it out"
        )


def _environment() -> Mapping[str, str]:
    known = {name: os.environ[name] for name in _ENVIRON if name in os.environ}
    return {**known, "PYTHONPATH": _ROOT, "MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": "1"}


def _parsed(answer: Mapping[str, Any]) -> Parsed:
    pages = tuple((number, start) for number, start in answer["pages"])
    return Parsed(
        title=answer["title"],
        text=answer["text"],
        pages=pages,
        metadata=answer["metadata"],
        markdown=answer["markdown"],
        separate=answer["separate"],
        notices=tuple(Notice(**notice) for notice in answer["notices"]),
        spans=tuple(Span(**{**span, "path": tuple(span["path"])}) for span in answer["spans"]),
    )


def _kill(process: "subprocess.Popen[bytes]", connection: Connection) -> None:
    connection.close()
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _nothing() -> None:
    """Before the first process there is nothing to end."""
