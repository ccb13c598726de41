"""A row as a record: the four keys of BEIR `_id`, `title`, `text`, `metadata`. Pure.

Data frames write whole ids as floats, years as titles and missing values as NaN: such are read as meant.
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from cluster.errors import InputError
from cluster.keys import content_id
from data_prep.documents.records.metadata import Unkept, choose_metadata

MAX_ID_BYTES = 1000  # primary payload limits of a Milvus row, see cluster/vectors.py
_TEXT = ("text", "content", "body", "passage", "document", "context", "page_content")
_ID = ("_id", "id", "doc_id", "docid", "document_id", "pid", "uuid")
_EXACT = 2**53  # above, a float does not hold every whole number
_MAX_DIGITS = 1000
_SHOWN_COLUMNS = 40
_JSON = json.JSONDecoder(
    parse_int=lambda digits: int(digits) if len(digits) <= _MAX_DIGITS else digits
)

Reasons = list[tuple[str, str]]  # column and why it is not kept


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a record keeps its text and its id; without an id the text names the record."""

    text: str
    id: str

    @property
    def taken(self) -> frozenset[str]:
        """Columns that are no metadata."""
        return frozenset((self.text, self.id, "title"))


def choose_columns(names: Collection[str], text_column: str, id_column: str) -> Columns:
    """The named columns, or the usual ones; InputError lists what there is."""
    shown = sorted(names)[:_SHOWN_COLUMNS]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    listed = (", ".join(shown) or "none") + more
    for column, option in ((text_column, "--text-column"), (id_column, "--id-column")):
        if column and column not in names:
            raise InputError(f"has no column {column!r} ({option}); its columns: {listed}")
    text = text_column or next((name for name in _TEXT if name in names), "")
    if not text:
        raise InputError(
            f"has no column named {', '.join(_TEXT)}; its columns: {listed}. Say which one holds the "
            "text: --text-column NAME"
        )
    return Columns(text, id_column or next((name for name in _ID if name in names), ""))


def parse_json(line: bytes) -> Any:
    """The value of a line of JSON in UTF-8; ValueError or RecursionError when it is none."""
    return _JSON.decode(line.decode().removeprefix("\ufeff").strip())


def parse_line(line: bytes, columns: Columns) -> tuple[dict[str, Any], Reasons]:
    """A JSON line as `to_record` gives it; InputError says what is wrong with it."""
    try:
        row = parse_json(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON in UTF-8 ({error})") from None
    if not isinstance(row, dict):
        raise InputError(f"expected an object, got {type(row).__name__}")
    return to_record(row, columns)


def to_record(row: Mapping[str, Any], columns: Columns) -> tuple[dict[str, Any], Reasons]:
    """`_id`, `title`, `text` and `metadata` of a row, and what is not kept.

    InputError says what is missing or too long.
    """
    title, unkept = _title(row.get("title"))
    text = _body(row, columns.text)
    metadata, others = choose_metadata(row, columns.taken)
    id = _identifier(row, columns.id) if columns.id else ""
    try:
        (title + text).encode()
        id_bytes = len(id.encode())
    except UnicodeEncodeError:
        raise InputError("holds half of a surrogate pair, which is not a character") from None
    if id_bytes > MAX_ID_BYTES:
        raise InputError(f"its id has {id_bytes} bytes, allowed are {MAX_ID_BYTES}")
    record = {
        "_id": id or content_id(title, text), "title": title, "text": text, "metadata": metadata,
    }  # fmt: skip
    return record, [*unkept, *others]


def record_hash(record: Mapping[str, Any]) -> str:
    """The content hash of a record."""
    return content_id(record, length=64)


def _body(row: Mapping[str, Any], name: str) -> str:
    """The text; paragraphs where it is a list of texts."""
    value = row.get(name)
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "\n\n".join(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InputError(f"{name!r} must be text, got bytes that are not UTF-8") from None
    if not isinstance(value, str):
        kind = str(value) if isinstance(value, Unkept) else type(value).__name__
        got = "nothing" if _is_missing(value) else kind
        raise InputError(f"{name!r} must be text, got {got}")
    return value


def _title(value: Any) -> tuple[str, Reasons]:
    if isinstance(value, list):
        parts = [_plain(item) for item in value]
        found = " ".join(part for part in parts if part) if None not in parts else None
    else:
        found = "" if _is_missing(value) else _plain(value)
    return (
        (found, []) if found is not None else ("", [("title", f"{type(value).__name__}, no text")])
    )


def _identifier(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    found = None if isinstance(value, bool) or _is_missing(value) else _plain(value)
    if isinstance(value, float) and (not value.is_integer() or abs(value) >= _EXACT):
        found = None
    if not found:
        got = "nothing" if value is None else f"{value!r:.40}"
        raise InputError(f"{name!r} must be text or a whole number, got {got}")
    return found


def _plain(value: Any) -> str | None:
    """A single value as text, whole numbers without a point; None when it is no single value."""
    if isinstance(value, str | bool | int | UUID):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return _bytes(value)
    return None


def _bytes(value: bytes) -> str:
    """Bytes that are text as such, others in hexadecimal."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return text if text.isprintable() else value.hex()


def _is_missing(value: Any) -> bool:
    """None and NaN, which data frames write for it."""
    return value is None or (isinstance(value, float | Decimal) and math.isnan(value))
