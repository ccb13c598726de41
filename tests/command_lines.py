"""Parsing a documented `openbook ...` line with the real command line, without running it."""

import shlex
from typing import Any

from cluster.cli import VERBS, load_verb


def parse_command(line: str) -> None:
    """Raises AssertionError or a click error when the line is not a valid command."""
    words = shlex.split(line, comments=True)
    assert words[0] == "openbook", line
    if words[1] == "--help":
        return
    assert words[1] in VERBS, f"unknown verb in: {line}"
    _parse(load_verb(words[1]), words[1], words[2:])


def _parse(command: Any, name: str, arguments: list[str], parent: Any = None) -> None:
    context = command.make_context(name, list(arguments), parent=parent)
    if hasattr(command, "resolve_command"):
        # the attribute is protected in click: what is left for the sub-command
        rest = [*getattr(context, "_protected_args", []), *context.args]
        sub, found, left = command.resolve_command(context, rest)
        _parse(found, sub, left, context)
