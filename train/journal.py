"""Answers already paid for: an append-only file that an interrupted comparison continues from.

One JSON line per answer: `{"key": ..., "reply": {...}}`. The key holds everything that decides the
answer or its latency (question, arm, exact model, generation, parameters, server), so a changed
adapter version or generation is another key and nothing stale is ever reused. A line cut short by a
kill is ignored.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cluster.records import as_json
from train.client import Reply


class Journal:
    """The answers of one dataset version on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._replies = dict(_read(path))

    def get(self, key: str) -> Reply | None:
        """The reply under a key, if it was answered before."""
        return self._replies.get(key)

    def add(self, key: str, reply: Reply) -> None:
        """Keep a reply; it is on disk when this returns."""
        self._replies[key] = reply
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"key": key, "reply": as_json(reply)}, ensure_ascii=False)
        with open(self._path, "a+b") as file:
            # a torn last line must not swallow the next one
            if file.tell() and not _ends_line(file):
                file.write(b"\n")
            file.write(line.encode() + b"\n")


def _ends_line(file: BinaryIO) -> bool:
    file.seek(-1, 2)
    return bool(file.read(1) == b"\n")


def _read(path: Path) -> Iterator[tuple[str, Reply]]:
    if not path.is_file():
        return
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
            fields = entry["reply"]
            reply = Reply(
                **{
                    **fields,
                    "citations": tuple(fields["citations"]),
                    "retrieved": tuple(fields["retrieved"]),
                }
            )
        except (ValueError, KeyError, TypeError):
            continue  # cut short, or written by another version: asked again
        yield entry["key"], reply
