"""JSON as text: every value on a line with the whole path to it, every record a paragraph.

A chunk of raw JSON is brackets and half a path. `limits.pressure.max_bar: 12` says what it means
wherever the text is cut.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.parsed import Parsed, clean
from data_prep.documents.formats.text import decode

_DEPTH = 200
_SMALL = 12  # values of a mapping inside a record that stand in its paragraph
_ROWS = 200  # columns of a table in JSON, beyond which it is none
_COMMENT = re.compile(r"^[ \t]*//.*$|,(?=\s*[\]}])", re.MULTILINE)
_TITLES = ("title", "name")


def parse_json(data: bytes) -> Parsed:
    """Readable lines of a JSON document, or of one a line; other text stays as it is, told by a notice."""
    source = decode(data)
    try:
        value = _load(source)
        text = clean("\n\n".join(_paragraphs(value, "", 0)))
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        notice = Notice(
            "unreadable structure", f"not valid JSON ({reason}); it is indexed as plain text"
        )
        return Parsed("", source, notices=(notice,))
    return Parsed(_title(value), text)


def _load(source: str) -> Any:
    try:
        return json.loads(source)
    except json.JSONDecodeError as error:
        lines = [line for line in source.split("\n") if line.strip()]
        if len(lines) > 1 and all(line.lstrip()[:1] in ("{", "[") for line in lines[:2]):
            try:
                return [json.loads(line) for line in lines]
            except json.JSONDecodeError:
                pass
        try:
            return json.loads(_COMMENT.sub("", source))  # settings of editors have comments
        except json.JSONDecodeError:
            raise error from None


def _title(value: Any) -> str:
    found = (value.get(key) for key in _TITLES) if isinstance(value, Mapping) else ()
    return next((clean(title) for title in found if isinstance(title, str) and title.strip()), "")


def _paragraphs(value: Any, path: str, depth: int) -> Iterator[str]:
    """Lines of values that stand beside each other; what is large has paragraphs of its own."""
    if depth > _DEPTH:
        raise ValueError(f"values nested more than {_DEPTH} deep")
    if isinstance(value, Mapping):
        yield from _mapping(value, path, depth)
    elif _is_list(value) and not _is_flat(value):
        for item in value:
            yield from _paragraphs(item, path, depth + 1)
    elif lines := _lines(path, value):
        yield lines


def _mapping(value: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
    beside: list[str] = []
    for key, inner in value.items():
        place = f"{path}.{key}" if path else key
        small = _small(inner, place)
        if small is not None:
            beside += small
            continue
        if beside:
            yield "\n".join(beside)
            beside = []
        yield from _paragraphs(inner, place, depth + 1)
    if beside:
        yield "\n".join(beside)


def _small(value: Any, path: str) -> list[str] | None:
    """The lines of a value that fits beside others; None when it has too many."""
    if isinstance(value, Mapping):
        simple = len(value) <= _SMALL and all(_is_flat(inner) for inner in value.values())
        pairs = [_lines(f"{path}.{key}", inner) for key, inner in value.items()] if simple else None
        return pairs and [pair for pair in pairs if pair] if simple else None
    if _is_list(value) and not _is_flat(value):
        return None
    line = _lines(path, value)
    return [line] if line else []


def _is_flat(value: Any) -> bool:
    """Whether a value is plain, or a list of plain ones."""
    if _is_list(value):
        return not any(isinstance(item, Mapping) or _is_list(item) for item in value)
    return not isinstance(value, Mapping)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _lines(path: str, value: Any) -> str:
    """`path: value`; a list of short values on one line, of long ones each on its own."""
    items = [_word(item) for item in value] if _is_list(value) else [_word(value)]
    items = [item for item in items if item.strip()]
    if not items:
        return ""
    mark = f"{path}: " if path else ""
    if len(items) > 1 and any(len(item) > 80 or "\n" in item for item in items):
        return "\n".join([mark.rstrip(), *(f"- {item}" for item in items)]).strip()
    return mark + ", ".join(items)


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strip() if isinstance(value, str) else str(value)
