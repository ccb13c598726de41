"""Bodies for an endpoint from its own OpenAPI schema: valid ones, and the same with something wrong."""

import json
import math
from typing import Any

from hypothesis import strategies as st

Json = Any
DIGITS = "@digits"  # stands for a number so long that Python itself refuses to write it
TEXTS = st.text(max_size=30)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXTS,
    st.sampled_from([10**30, -(10**400), DIGITS, math.nan, math.inf, "x" * 5000, "\ud800", "\0", {}, []]),
)  # fmt: skip
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


def values(schema: Json, whole: Json) -> st.SearchStrategy[Json]:
    """Values of a schema; `whole` is the document that its references are in."""
    if "$ref" in schema:
        return values(whole["components"]["schemas"][schema["$ref"].split("/")[-1]], whole)
    if "anyOf" in schema:
        return st.one_of([values(option, whole) for option in schema["anyOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return _OF_TYPE[schema.get("type", "any")](schema, whole)


def _objects(schema: Json, whole: Json) -> st.SearchStrategy[Json]:
    fields = {name: values(field, whole) for name, field in schema.get("properties", {}).items()}
    needed = {name: fields.pop(name) for name in schema.get("required", [])}
    return st.fixed_dictionaries(needed, optional=fields)


def _arrays(schema: Json, whole: Json) -> st.SearchStrategy[Json]:
    items = values(schema.get("items", {}), whole)
    return st.lists(items, min_size=min(schema.get("minItems", 0), 3), max_size=3)


def _integers(schema: Json, _: Json) -> st.SearchStrategy[Json]:
    return st.integers(int(schema.get("minimum", -5)), int(schema.get("maximum", 2**40)))


def _numbers(schema: Json, _: Json) -> st.SearchStrategy[Json]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1e6))
    return st.floats(low, schema.get("maximum", 1e6), exclude_min="exclusiveMinimum" in schema)


_OF_TYPE = {
    "object": _objects,
    "array": _arrays,
    "integer": _integers,
    "number": _numbers,
    "string": lambda *_: TEXTS,
    "boolean": lambda *_: st.booleans(),
    "null": lambda *_: st.none(),
    "any": lambda *_: ANYTHING,
}


@st.composite
def broken(draw: st.DrawFn, bodies: st.SearchStrategy[Json]) -> Json:
    """A valid body with one to three values anywhere in it replaced, removed or added."""
    body = draw(bodies)
    for _ in range(draw(st.integers(1, 3))):
        body = _broken_once(draw, body)
    return body


def _broken_once(draw: st.DrawFn, value: Json) -> Json:
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        name = draw(st.sampled_from(sorted(value)))
        changed = _broken_once(draw, value[name])
        rest = {key: item for key, item in value.items() if key != name}
        options = [{**value, name: changed}, rest, {**value, draw(TEXTS): changed}]
        return options[draw(st.sampled_from([0, 0, 0, 1, 2]))]
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _broken_once(draw, value[at]), *value[at + 1 :]]
    return draw(ANYTHING)


@st.composite
def damaged(draw: st.DrawFn, bodies: st.SearchStrategy[Json]) -> bytes:
    """The bytes of a body, cut, with foreign bytes in them, or nested without end."""
    data = encoded(draw(bodies))
    at = draw(st.integers(0, len(data)))
    foreign = st.binary(min_size=1, max_size=6) | st.sampled_from(
        [b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"1e999", b"[" * 100_000, b'{"a":' * 50_000]
    )
    return draw(st.sampled_from([data[:at], data[:at] + draw(foreign) + data[at:]]))


def encoded(body: Json) -> bytes:
    """JSON as lax clients write it: NaN, Infinity, any number of digits, half a surrogate pair."""
    return json.dumps(body).encode().replace(json.dumps(DIGITS).encode(), b"9" * 5000)
