"""Front matter of Markdown: YAML between `---`, TOML between `+++`, or a JSON object, at the very start.

It is data about the text and no text. What cannot be read stays where it is, so nothing is lost.
"""

import datetime as dt
import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import yaml

_MAX_CHARS = 1 << 16  # a text that begins with a rule is no front matter
_DEPTH = 20
_OPENS = (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken)
_CLOSES = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
_DOTTED = re.compile(rf"^[ \t]*\[{{0,2}}(?:[^\s.=]+\.){{{_DEPTH},}}", re.MULTILINE)
_YAML = re.compile(r"---[ \t]*\n((?:.*?\n)??)(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_TOML = re.compile(r"\+\+\+[ \t]*\n((?:.*?\n)??)\+\+\+[ \t]*(?:\n|$)", re.DOTALL)
_KEY = re.compile(r"^[\"']?[\w.-]+[\"']?[ \t]*[:=]|^#|^\s*$", re.MULTILINE)


class FrontMatterError(ValueError):
    """Front matter that is not what its marks promise; `str()` says where."""


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """What stands in front of the text, as plain JSON, and the text; FrontMatterError if it is broken."""
    text = text.lstrip("\n")
    head = text[:_MAX_CHARS]
    if head.startswith("{"):
        return _json(text)
    found = _YAML.match(head) or _TOML.match(head)
    if found is None or not (found[1].strip() == "" or _KEY.match(found[1])):
        return {}, text
    read: Callable[[str], Any] = _read_yaml if head.startswith("---") else _read_toml
    try:
        values = read(found[1])
    except (yaml.YAMLError, ValueError, RecursionError, ArithmeticError) as error:
        raise FrontMatterError(" ".join(str(error).split())[:200]) from error
    if values is None:
        return {}, text[found.end() :]
    return (
        (_plain_mapping(values), text[found.end() :]) if isinstance(values, Mapping) else ({}, text)
    )


def _read_yaml(source: str) -> Any:
    """YAML without aliases, which a few lines can make billions of values of, and not nested deep."""
    depth = 0
    for token in yaml.scan(source, yaml.SafeLoader):
        if isinstance(token, yaml.AliasToken):
            raise FrontMatterError("it has YAML aliases (*name), which are not read")
        depth += isinstance(token, _OPENS) - isinstance(token, _CLOSES)
        if depth > _DEPTH:  # before the scanner remembers a possible key for each level
            raise FrontMatterError(f"its values are nested more than {_DEPTH} deep")
    return yaml.safe_load(source)


def _read_toml(source: str) -> Any:
    """TOML without names of many parts, each of which is a table inside the one before."""
    if _DOTTED.search(source):
        raise FrontMatterError(f"its values are nested more than {_DEPTH} deep")
    return tomllib.loads(source)


def _json(text: str) -> tuple[dict[str, Any], str]:
    """An object that ends before the text begins; a text that only starts with a brace stays whole."""
    try:
        values, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return {}, text
    rest = text[end:]
    is_front = isinstance(values, dict) and rest.startswith("\n") and bool(rest.strip())
    return (_plain_mapping(values), rest) if is_front else ({}, text)


def _plain_mapping(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): plain(value) for key, value in values.items()}


def plain(value: Any, depth: int = 0) -> Any:
    """A value of YAML or TOML as JSON has it: dates in ISO form, sets as lists, keys as text."""
    if depth > _DEPTH:
        raise FrontMatterError(f"its values are nested more than {_DEPTH} deep")
    if isinstance(value, Mapping):
        return {str(key): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner, depth + 1) for inner in value]
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (str, int, float)) else str(value)
