"""`python -m tests.hostile_parser ...`: a sandbox whose parser does what the document says."""

import os
import signal
from collections.abc import Callable, Mapping
from typing import NoReturn

from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.parse_process import serve


def load(data: bytes, **task: str) -> None:
    if data == b"no library":
        raise ImportError("no module named docling")


def loop() -> NoReturn:
    while True:
        pass


def eat() -> NoReturn:
    hoard = []
    while True:
        hoard.append(bytes(1 << 25))  # zeros cost no time


def fail() -> NoReturn:
    raise RuntimeError("a fault of the parser")


def refuse() -> NoReturn:
    raise ParseError("holds no text")


BEHAVIOURS: Mapping[bytes, Callable[[], object]] = {
    b"loop": loop,
    b"eat": eat,
    b"fail": fail,
    b"refuse": refuse,
    b"crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    b"killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    b"abort": os.abort,
    b"leave": lambda: os._exit(7),
    b"print": lambda: os.write(1, b"x" * 200_000),
}


def obey(data: bytes, **task: str) -> Parsed:
    """Behave as the document says; the title is the process, the metadata what it was told and sees."""
    if data in BEHAVIOURS:
        BEHAVIOURS[data]()
    metadata = {"task": task, "environment": sorted(os.environ)}
    return Parsed(str(os.getpid()), data.decode(), ((1, 0),), metadata, markdown=True)


if __name__ == "__main__":
    serve(obey, load)
