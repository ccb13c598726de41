"""Ray's kinds against KubeRay's own schemas, refusing keys that the API server would drop in silence."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

CRDS = Path(__file__).parents[3] / "shared" / "kuberay-crds"
_PLURAL = {"RayCluster": "rayclusters", "RayJob": "rayjobs", "RayService": "rayservices"}
Schema = dict[str, Any]


def violations(found: dict[str, Any]) -> list[str]:
    """What is wrong with an object of a ray.io kind, each with its path; empty when it is valid."""
    schema = _schema(found["kind"], found["apiVersion"].removeprefix("ray.io/"))
    unknown = [f"{path}: unknown key" for path in unknown_keys(schema, found, found["kind"])]
    wrong = jsonschema.Draft202012Validator(schema).iter_errors(found)
    return unknown + [f"{error.json_path}: {error.message}" for error in wrong]


def unknown_keys(schema: Schema, value: Any, path: str) -> Iterator[str]:
    """Paths of keys that the schema does not name; kind, apiVersion and metadata are Kubernetes' own."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_keys(schema.get("items", {}), item, f"{path}[{index}]")
    elif isinstance(value, dict) and "properties" in schema:
        named = schema["properties"]
        for key, item in value.items():
            if key in named:
                yield from unknown_keys(named[key], item, f"{path}.{key}")
            else:
                yield f"{path}.{key}"


@lru_cache
def _schema(kind: str, version: str) -> Schema:
    file = CRDS / f"ray.io_{_PLURAL[kind]}.yaml"
    if not file.is_file():
        pytest.skip(f"KubeRay's schemas are not beside the repository at {CRDS}")
    crd = yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)
    (served,) = (v for v in crd["spec"]["versions"] if v["name"] == version and v["served"])
    schema: Schema = _readable(served["schema"]["openAPIV3Schema"])
    return schema


def _readable(schema: Any) -> Any:
    """Kubernetes' int-or-string in words that jsonschema knows."""
    if isinstance(schema, list):
        return [_readable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {key: _readable(item) for key, item in schema.items()}
    if converted.pop("x-kubernetes-int-or-string", False):
        converted.pop("anyOf", None)
        converted["type"] = ["integer", "string"]
    return converted
