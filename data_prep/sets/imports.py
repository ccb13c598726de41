"""Somebody's fine-tuning file -> an instruction set: checked rows, without repeats, split by content.

The file is read once to name the version (a hash of its bytes and the options) and once to convert; rows
stream, and of each only its id stays in memory.
"""

import codecs
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from cluster.console import Progress
from cluster.errors import InputError
from cluster.keys import content_id, safe_name, seed_of
from cluster.leases import Lease
from cluster.records import SPLITS, Conversation, Split
from cluster.session import Session
from data_prep.documents.records.files import open_parquet
from data_prep.sets.card import render_instruct_card
from data_prep.sets.conversations import FORMATS, BadRow, Format, detect_format, read_turns
from data_prep.sets.synth import published

# part of a set's version: count it up when the same file would give other rows
RULES = "instruct/1"
_PARQUET, _LINES = ".parquet", (".jsonl", ".ndjson", ".json")
_SEED_RANGE = 2**32
_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """What to import: `format` None is told from the first usable row; `validation` is a share, 0..1.

    With `skip_bad` rows that cannot be used are counted by reason; else the first one is an error.
    """

    path: Path
    dataset: str
    format: Format | None = None
    validation: float = 0.0
    skip_bad: bool = False


class Importing:
    """The records of a file as a stream, and what was seen on the way."""

    def __init__(self, order: ImportOrder, format: Format) -> None:
        self._order = order
        self._format = format
        self._known: set[str] = set()
        self.counts: dict[Split, int] = dict.fromkeys(SPLITS, 0)
        self.repeated = 0
        self.bad: Counter[str] = Counter()
        self.example: Conversation | None = None

    def records(self, progress: Progress) -> Iterator[Conversation]:
        """Conversations of usable rows, each once. InputError names file and line of a bad one."""
        for number, row in read_rows(self._order.path, progress.advance):
            try:
                record = self._record(row)
            except BadRow as error:
                if not self._order.skip_bad:
                    raise _bad(self._order.path, number, error) from error
                self.bad[error.reason] += 1
                continue
            if record.id in self._known:
                self.repeated += 1
                continue
            self._known.add(record.id)
            self.counts[record.split] += 1
            self.example = self.example or record
            yield record

    def _record(self, row: Any) -> Conversation:
        turns = read_turns(_decoded(row), self._format)
        name = content_id(*((turn.role, turn.content, turn.learn) for turn in turns))
        place = seed_of("instruct", name) / _SEED_RANGE
        return Conversation(
            name, turns, "validation" if place < self._order.validation else "train"
        )


def import_set(session: Session, order: ImportOrder) -> dict[str, Any]:
    """Convert and publish; returns the report. The same file and options are the same version.

    Raises InputError for a file that cannot be read or holds nothing to learn, BusyError when the set is
    being built already.
    """
    started = time.monotonic()
    safe_name("dataset", order.dataset)
    digest = _file_hash(order.path)
    format = order.format or _detected(order)
    version = content_id(digest, format, order.validation, order.skip_bad, RULES, length=12)
    lock = f"datasets/{order.dataset}/lock"
    with Lease(session.store, lock, f"import of dataset {order.dataset!r}"):
        manifest = published(session, order.dataset, version)
        unchanged = manifest is not None
        if manifest is None:
            manifest = _build(session, order, Importing(order, format), (version, digest, format))
    shown = ("dataset", "version", "kind", "source", "repeated", "rejected")
    return {
        **{name: manifest[name] for name in shown},
        "examples": manifest["counts"],
        "unchanged": unchanged,
        "seconds": round(time.monotonic() - started, 3),
    }


def read_rows(path: Path, advance: Callable[[int], None]) -> Iterator[tuple[int, Any]]:
    """(number from 1, row): a line as bytes, or a mapping; `advance` hears of the bytes read."""
    if path.suffix.lower() == _PARQUET:
        yield from enumerate(_parquet(path), 1)
        advance(path.stat().st_size)
        return
    with open(path, "rb") as file:
        if _is_array(path):
            yield from enumerate(_array(path), 1)
            advance(path.stat().st_size)
            return
        for number, line in enumerate(file, 1):
            advance(len(line))
            if line.strip():
                yield number, line


def _build(
    session: Session, order: ImportOrder, importing: Importing, name: tuple[str, str, Format]
) -> dict[str, Any]:
    version, digest, format = name

    def describe() -> tuple[dict[str, Any], str]:
        if importing.example is None:
            told = ", ".join(f"{reason}: {n}" for reason, n in importing.bad.items()) or "no rows"
            raise InputError(f"{str(order.path)!r} holds nothing to train on ({told})")
        manifest = {
            "kind": "instruct",
            "source": {"file": order.path.name, "sha256": digest, "format": format},
            "rules": RULES,
            "settings": {"validation": order.validation, "skip_bad": order.skip_bad},
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "counts": dict(importing.counts),
            "repeated": importing.repeated,
            "rejected": dict(importing.bad),
        }
        return manifest, render_instruct_card(order.dataset, version, manifest, importing.example)

    size = order.path.stat().st_size
    with session.console.progress("import", size, "bytes") as progress:
        return session.datasets.publish_stream(
            order.dataset, version, importing.records(progress), describe
        )


def _detected(order: ImportOrder) -> Format:
    for number, row in read_rows(order.path, lambda _: None):
        try:
            return detect_format(_decoded(row))
        except BadRow as error:
            if not order.skip_bad:
                raise _bad(order.path, number, error) from error
    found = "has no row of a known format" if order.skip_bad else "is empty"
    raise InputError(f"{str(order.path)!r} {found}; expected rows of {', '.join(FORMATS)}")


def _decoded(row: Any) -> Any:
    if not isinstance(row, bytes):
        return row
    try:
        return json.loads(row)
    except (ValueError, RecursionError) as error:
        raise BadRow("not JSON", str(error)) from error


def _bad(path: Path, number: int, error: BadRow) -> InputError:
    return InputError(
        f"{path.name}, row {number}: {error}; correct it, or leave such rows out with --skip-bad"
    )


def _is_array(path: Path) -> bool:
    """Whether a .json file is one list, as Alpaca and ShareGPT are published, and not JSON lines."""
    with open(path, "rb") as file:
        start = file.read(_BLOCK).removeprefix(codecs.BOM_UTF8).lstrip()
        return path.suffix.lower() == ".json" and start[:1] == b"["


def _array(path: Path) -> list[Any]:
    try:
        return list(json.loads(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is not JSON: {error}") from error


def _parquet(path: Path) -> Iterator[Any]:
    with open(path, "rb") as file:
        try:
            for batch in open_parquet(file).iter_batches():
                yield from batch.to_pylist()
        # Arrow raises OSError for a page that it cannot unpack
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path.name} cannot be read to its end: {error}") from error


def _file_hash(path: Path) -> str:
    if path.suffix.lower() not in (_PARQUET, *_LINES):
        allowed = ", ".join((*_LINES, _PARQUET))
        raise InputError(f"{str(path)!r}: a file to import ends in {allowed}")
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    return digest.hexdigest()
