"""The Serve YAML of an application, and a validator that is as strict as ours are.

Ray Serve accepts unknown keys silently at every level (ray.md 6.1): `max_ongoing_request: 5` would
do nothing. `validate` refuses them and names the path.
"""

import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from ray.serve.schema import ServeDeploySchema

from cluster.errors import SettingsError
from cluster.resolve import changed
from cluster.settings import Settings
from serve.scaling import deployment_options

APP_NAME = "openbook"
IMPORT_PATH = "serve.app:build"
_LOCAL = {"home", "ray"}  # of the machine that prints, not of the cluster that serves


def serve_config(settings: Settings) -> dict[str, Any]:
    """What `serve deploy` and a RayService take; secrets stay out, they come from the environment."""
    given = {name: value for name, value in changed(settings).items() if name not in _LOCAL}
    config = {
        "proxy_location": "EveryNode",
        "http_options": {"host": settings.serve.host, "port": settings.serve.port},
        "applications": [
            {
                "name": APP_NAME,
                "route_prefix": "/",
                "import_path": IMPORT_PATH,
                "args": _plain(given),
                "deployments": [
                    {"name": name, **options}
                    for name, options in deployment_options(settings.serve).items()
                ],
            }
        ],
    }
    validate(config)
    return config


def serve_yaml(settings: Settings) -> str:
    """`serve_config` as YAML."""
    return yaml.safe_dump(serve_config(settings), sort_keys=False)


def validate(config: Mapping[str, Any]) -> None:
    """SettingsError for a key that Serve does not know or a value that it does not take."""
    unknown = list(_unknown_keys(config, ServeDeploySchema, ""))
    if unknown:
        raise SettingsError(f"Serve config: unknown key {', '.join(map(repr, unknown))}")
    try:
        ServeDeploySchema.model_validate(config)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(
            f"Serve config: {where}: {first['msg']}, got {first['input']!r}"
        ) from None


def _unknown_keys(value: Any, annotation: Any, path: str) -> Iterator[str]:
    model = _model_in(annotation)
    if model is None:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_keys(item, model, f"{path}[{index}]")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            here = f"{path}.{key}".lstrip(".")
            if key not in model.model_fields:
                yield here
            else:
                yield from _unknown_keys(item, model.model_fields[key].annotation, here)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model in `Model`, `Model | None`, `list[Model]`, `dict | Model`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, list):
        return next(filter(None, map(_model_in, get_args(annotation))), None)
    return None


def _plain(tree: Mapping[str, Any]) -> dict[str, Any]:
    """YAML types only, without secrets and without sections that are then empty."""
    plain: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            value = _plain(value)
        if isinstance(value, SecretStr) or value == {}:
            continue
        plain[key] = _leaf(value)
    return plain


def _leaf(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
