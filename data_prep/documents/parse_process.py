"""`python -m data_prep.documents.parse_process FD TIMEOUT_S MEMORY_MIB`: the inside of a sandbox.

Not for people: `sandbox` starts it and talks to it through the pipe FD; the first message says how to cut
documents for an embedder (empty: not at all). What a parser needs is loaded before the document's time
begins, and the document may take `MEMORY_MIB` more than the process holds then. RLIMIT_DATA counts private
memory; RLIMIT_AS would count every mapped library as well.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from data_prep.documents.cutting import cutting_from
from data_prep.documents.formats.kinds import Format
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.parse import parse_bytes, parse_record, prepare

_LOAD_S = 900.0  # docling may download its models
_MIB = 1024 * 1024
_STATM = Path("/proc/self/statm")
_DATA_FIELD = 5
# after the parent should have stopped us: only a parent that was killed lets it come to this
_ORPHAN_S = 10.0
_READY = b"ready"
_REASON_CHARS = 500
_TOO_LITTLE = (
    "parsing needs more than {} MiB of memory; leave it out, or raise ingest.parse_memory_mib and run "
    "`openbook corpus retry`"
)


def serve(parser: Callable[..., Parsed], load: Callable[..., None]) -> None:
    """Answer requests with `parser(data, **task)`, after `load(data, **task)`, until the pipe ends."""
    connection = Connection(int(sys.argv[1]))
    timeout_s, memory_mib = float(sys.argv[2]), int(sys.argv[3])
    setup = connection.recv_bytes()
    work = _cutting(parser, setup) if setup else parser
    connection.send_bytes(_READY)
    start = _data_bytes()
    while True:
        try:
            message, data = connection.recv_bytes(), connection.recv_bytes()
        except (EOFError, OSError):
            return
        task = json.loads(message)
        # a kernel timer, because no Python runs while a parser loops in C
        signal.setitimer(signal.ITIMER_REAL, _LOAD_S + _ORPHAN_S)
        connection.send_bytes(_loaded(load, data, task).encode())
        signal.setitimer(signal.ITIMER_REAL, timeout_s + _ORPHAN_S)
        answer = _answer(work, data, task, memory_mib)
        signal.setitimer(signal.ITIMER_REAL, 0)
        del data
        grown = _data_bytes() - start > memory_mib * _MIB
        connection.send_bytes(json.dumps({**answer, "last": answer["last"] or grown}).encode())


def _loaded(load: Callable[..., None], data: bytes, task: Mapping[str, Any]) -> str:
    """What went wrong with loading; empty when nothing did."""
    try:
        load(data, **task)
    except Exception as error:  # noqa: BLE001  the process border: the parent raises it again
        return f"{type(error).__name__}: {error}"
    return ""


def parse(data: bytes, named: Format, **options: Any) -> Parsed:
    """A file by its format's parser, or a record."""
    return parse_record(data) if named == "record" else parse_bytes(data, named, **options)


def load(data: bytes, named: Format, **options: Any) -> None:
    """What `parse` will need."""
    if named != "record":
        prepare(data, named, **options)


def _cutting(parser: Callable[..., Parsed], setup: bytes) -> Callable[..., Parsed]:
    """The parser, and what it finds cut for an embedder."""
    cut = cutting_from(setup)
    return lambda data, **task: cut(parser(data, **task))


def _answer(
    work: Callable[..., Parsed], data: bytes, task: Mapping[str, Any], memory_mib: int
) -> dict[str, Any]:
    _limit(_data_bytes() + memory_mib * _MIB)
    try:
        found = asdict(work(data, **task))
        return {**found, "reason": "", "last": False}
    except ParseError as error:
        reason, last = str(error)[:_REASON_CHARS], False
    except MemoryError:
        reason, last = _TOO_LITTLE.format(memory_mib), True
    except Exception as error:  # noqa: BLE001  the process border: any fault is a reason in the ledger
        reason = f"the parser failed on it: {type(error).__name__}: {error}"[:_REASON_CHARS]
        last = True
    finally:
        _limit(resource.RLIM_INFINITY)
    return {"reason": reason, "last": last}


def _limit(data_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, resource.RLIM_INFINITY))


def _data_bytes() -> int:
    """Private memory of this process; 0 where the system does not tell, and limits nothing either."""
    if not _STATM.exists():
        return 0
    return int(_STATM.read_text().split()[_DATA_FIELD]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    serve(parse, load)
