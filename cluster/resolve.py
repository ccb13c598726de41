"""Where settings come from: flags > environment (`OPENBOOK_STORE__URL`) > `openbook.yaml` > defaults.

Unknown keys are refused, and every message names the dotted key and the source it came from.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from cluster.errors import SettingsError
from cluster.settings import Section, Settings

ENV_PREFIX = "OPENBOOK_"
FILE_NAME = "openbook.yaml"
_SECRETS = {"secret_key", "token", "password", "api_key"}


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings and, for each dotted key that is not a default, where its value came from."""

    settings: Settings
    sources: Mapping[str, str]


def load_settings(
    flags: Mapping[str, Any] | None = None,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Resolved:
    """Resolve flags (dotted keys) > environment > file > defaults; SettingsError names key and source."""
    environ = os.environ if environ is None else environ
    path = file or Path(environ.get(f"{ENV_PREFIX}CONFIG", FILE_NAME))
    layers = [
        (str(path), flatten(_read_file(path, required=file is not None))),
        ("environment", _from_environment(environ)),
        ("flag", {k: v for k, v in (flags or {}).items() if v is not None}),
    ]
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, layer in layers:
        values.update(layer)
        sources.update(dict.fromkeys(layer, source))
    try:
        return Resolved(Settings.model_validate(_nest(values)), sources)
    except ValidationError as error:
        raise SettingsError(_explain(error, sources)) from None


def fields_of(model: type[BaseModel] = Settings, prefix: str = "") -> dict[str, Any]:
    """Every dotted key of the tree with its default."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            section: BaseModel = info.default
            nested = fields_of(info.annotation, f"{prefix}{name}.")
            found.update({key: _lookup(section, key[len(prefix + name) + 1 :]) for key in nested})
        else:
            found[prefix + name] = info.default
    return found


def changed(settings: Settings) -> dict[str, Any]:
    """The values that are not the defaults of their places, as a tree for `Settings.model_validate`."""
    values = {key: (_lookup(settings, key), default) for key, default in fields_of().items()}
    return _nest({key: value for key, (value, default) in values.items() if value != default})


def _lookup(section: BaseModel, dotted: str) -> Any:
    value: Any = section
    for part in dotted.split("."):
        value = getattr(value, part)
    return value


def _read_file(path: Path, required: bool) -> dict[str, Any]:
    if not path.is_file():
        if required:
            raise SettingsError(f"settings file {str(path)!r} does not exist")
        return {}
    try:
        loaded = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {str(path)!r} is not valid YAML: {error}") from error
    if loaded is not None and not isinstance(loaded, dict):
        raise SettingsError(f"settings file {str(path)!r} must hold a mapping of sections")
    return loaded or {}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """OPENBOOK_A__B=v sets a.b. OPENBOOK_CONFIG names the file."""
    found = {}
    for name, value in environ.items():
        if name.startswith(ENV_PREFIX) and name != f"{ENV_PREFIX}CONFIG":
            dotted = name[len(ENV_PREFIX) :].lower().replace("__", ".")
            found[dotted] = parse_value(dotted, value)
    return found


def parse_value(dotted: str, text: str) -> Any:
    """The value that `text` means for a setting: as it stands for texts and secrets, else YAML."""
    if _is_text(dotted) or not text.strip():
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text  # the type check that follows names the key and what is allowed


def _kind_of(dotted: str) -> Any:
    """The declared type of a setting or section; None for what is not declared."""
    kind: Any = Settings
    for part in dotted.split("."):
        fields = getattr(kind, "model_fields", {})
        if part not in fields:
            return None
        kind = fields[part].annotation
    return kind


def _is_text(dotted: str) -> bool:
    kind = _kind_of(dotted)
    members = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return any(member in (str, SecretStr, Path) for member in members)


def _is_secret(dotted: str) -> bool:
    return dotted.rpartition(".")[2] in _SECRETS


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections -> dotted keys, as flags and `load_settings` have them.

    A setting whose value is a mapping keeps it whole: its keys may have dots, such as `.md`.
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        is_section = isinstance(value, dict) and get_origin(_kind_of(f"{prefix}{key}")) is not dict
        if is_section and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for dotted, value in flat.items():
        *parents, leaf = dotted.split(".")
        node = tree
        for parent in parents:
            child = node.setdefault(parent, {})
            if not isinstance(child, dict):
                raise SettingsError(f"setting {dotted!r}: {parent!r} is a value, not a section")
            node = child
        node[leaf] = value
    return tree


def _explain(error: ValidationError, sources: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        dotted = ".".join(str(part) for part in problem["loc"])
        below = (sources[key] for key in sources if key.startswith(f"{dotted}."))
        source = sources.get(dotted) or next(below, "settings")
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown setting {dotted!r} (from {source}); `openbook config` lists all")
        else:
            got = "***" if _is_secret(dotted) else repr(problem["input"])
            lines.append(f"setting {dotted!r} (from {source}): {problem['msg']}, got {got}")
    return "; ".join(lines)
