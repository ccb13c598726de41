"""What of a record's other columns a document keeps as metadata, and why the rest is not kept. Pure.

Kept is what a filter can ask for: text, numbers, truth values, dates as ISO 8601, lists and objects of
them, exact decimals as numbers. Every chunk carries its document's metadata, so there are limits: long
texts, vectors, bytes and structures that are deep or large stay out, each with a reason that is the same
for all records of a column, so that reasons can be counted.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

MAX_METADATA_BYTES = 32_000
MAX_TEXT_CHARS = 300
MAX_URL_CHARS = 1000
MAX_STRUCTURE_CHARS = 2000
MAX_NUMBERS = 32
MAX_DEPTH = 8
_INT64 = 1 << 63
_EXACT_DIGITS = 15  # of a decimal that a float holds
_VECTOR = re.compile(r"(?:^|[_.-])(?:vector|embedding|emb)s?(?:$|[_.-])", re.IGNORECASE)
LONG_TEXT = f"text of more than {MAX_TEXT_CHARS} characters"
LONG_NUMBERS = f"list of more than {MAX_NUMBERS} numbers"
VECTOR = "a vector"
BYTES = "bytes"
LARGE = f"list or object of more than {MAX_STRUCTURE_CHARS:,} characters"
DEEP = f"nested deeper than {MAX_DEPTH} levels"
INFINITE = "an infinite number"
TOO_MUCH = f"all metadata together have more than {MAX_METADATA_BYTES:,} bytes"
CLASH = "metadata has one of that name"
UNREADABLE = "a value that cannot be read"


class Unkept(Exception):
    """`str()` says why a value is no metadata; may stand in a row in the place of the value."""


def choose_metadata(
    row: Mapping[str, Any], taken: frozenset[str]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Metadata of a record, as plain JSON, and (column, reason) of each that is not kept.

    An object named `metadata` is taken whole but for the limit on all; other columns come beside it.
    """
    kept: dict[str, Any] = {}
    unkept: list[tuple[str, str]] = []
    given = _object(row.get("metadata"))
    others = {name: value for name, value in row.items() if name not in taken}
    if given is not None:
        others.pop("metadata")
    for name, value, is_given in (
        *((str(key), value, True) for key, value in (given or {}).items()),
        *((name, value, False) for name, value in others.items()),
    ):
        try:
            if name in kept:
                raise Unkept(CLASH)
            found = keep(value) if is_given else _column(name, value)
        except Unkept as reason:
            unkept.append((name, str(reason)))
            continue
        if found is not None:
            kept[clean_text(name)] = found
    return kept, [*unkept, *_shrink(kept)]


def keep(value: Any, depth: int = 0) -> Any:
    """A value as plain JSON; None where there is none; Unkept says why it cannot be."""
    if depth > MAX_DEPTH:
        raise Unkept(DEEP)
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list | tuple):
        if len(value) > MAX_NUMBERS and isinstance(value[0], int | float):
            raise Unkept(LONG_NUMBERS)
        return [found for item in value if (found := keep(item, depth + 1)) is not None]
    if isinstance(value, Mapping):
        found = {clean_text(str(name)): keep(item, depth + 1) for name, item in value.items()}
        return {name: item for name, item in found.items() if item is not None}
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else _digits(value)
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        raise Unkept(BYTES)
    if isinstance(value, Unkept):
        raise Unkept(str(value))
    return str(value) if isinstance(value, UUID) else clean_text(str(value))


def _number(value: float | Decimal) -> float | int | str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        raise Unkept(INFINITE)
    if isinstance(value, float):
        return value
    if len(value.as_tuple().digits) > _EXACT_DIGITS:
        return str(value)
    return int(value) if value == value.to_integral_value() else float(value)


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes 4300 digits at most
        raise Unkept(LONG_TEXT) from None


def _column(name: str, value: Any) -> Any:
    """A value of a column that nobody called metadata."""
    if isinstance(value, str):
        if len(value) > (MAX_URL_CHARS if name == "url" else MAX_TEXT_CHARS):
            raise Unkept(LONG_TEXT)
        return clean_text(value) or None
    if is_vector(name, value):
        raise Unkept(VECTOR)
    found = keep(value)
    if isinstance(found, list | dict) and len(json.dumps(found)) > MAX_STRUCTURE_CHARS:
        raise Unkept(LARGE)
    return found


def is_vector_name(name: str) -> bool:
    """Whether a column of numbers with this name holds vectors, however short."""
    return _VECTOR.search(name) is not None


def is_vector(name: str, value: Any) -> bool:
    """Whether a value is a list of numbers in a column of vectors."""
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and isinstance(value[0], int | float)
        and is_vector_name(name)
    )


def _object(value: Any) -> Mapping[str, Any] | None:
    """What a column `metadata` holds: an object, or one as JSON text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, Mapping) else None


def _shrink(kept: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Take the largest fields out until the rest is within the limit."""
    total = len(_json(kept))
    if total <= MAX_METADATA_BYTES:
        return
    sizes = {name: len(_json({name: value})) for name, value in kept.items()}
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if total <= MAX_METADATA_BYTES:
            return
        total -= sizes[name]
        del kept[name]
        yield name, TOO_MUCH


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def clean_text(text: str) -> str:
    """Text without halves of surrogate pairs, which no UTF-8 can hold."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
