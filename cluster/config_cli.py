"""`openbook config`: the resolved settings and where each value came from."""

from typing import Any

import yaml
from pydantic import SecretStr

from cluster.console import Console
from cluster.options import ConfigFlag, JsonFlag, SetFlag, parse_overrides
from cluster.resolve import Resolved, fields_of, load_settings


def config(
    json_output: JsonFlag = False, config: ConfigFlag = None, overrides: SetFlag = None
) -> None:
    """Print every setting, its value and its source; secrets print as ***."""
    resolved = load_settings(parse_overrides(overrides), config)
    console = Console(json_output)
    values = {key: shown(resolved, key) for key in fields_of()}
    for key, value in values.items():
        source = resolved.sources.get(key, "default")
        console.line(
            f"{key} = {yaml.safe_dump(value, default_flow_style=True).split(chr(10))[0]}  # {source}"
        )
    console.result({
        key: {"value": value, "source": resolved.sources.get(key, "default")}
        for key, value in values.items()
    })  # fmt: skip


def shown(resolved: Resolved, key: str) -> Any:
    """The value of a dotted key in plain JSON types, secrets hidden."""
    value: Any = resolved.settings
    for part in key.split("."):
        value = getattr(value, part)
    if isinstance(value, SecretStr):
        return "***"
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)
