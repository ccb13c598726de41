"""Options that every verb takes, and how they become a session."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.console import Console
from cluster.errors import SettingsError
from cluster.resolve import load_settings, parse_value
from cluster.session import Session

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON document on stdout.")
]
ConfigFlag = Annotated[
    Path | None, typer.Option("--config", help="Settings file instead of ./openbook.yaml.")
]
SetFlag = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any setting, as dotted.key=value; may be repeated."),
]


def open_session(
    json_output: bool, config: Path | None, overrides: list[str] | None, **flags: Any
) -> Session:
    """A session from the options; a flag `train__epochs=2` sets `train.epochs`, None leaves it."""
    given = {name.replace("__", "."): value for name, value in flags.items() if value is not None}
    resolved = load_settings({**parse_overrides(overrides), **given}, config)
    return Session(resolved.settings, Console(json_output))


def parse_overrides(overrides: list[str] | None) -> dict[str, Any]:
    """`["train.epochs=2"]` -> `{"train.epochs": 2}`, by the type of the setting."""
    values = {}
    for item in overrides or []:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise SettingsError(f"--set {item!r} is not of the form dotted.key=value")
        values[key] = parse_value(key, value)
    return values
