"""The documents tell the truth: commands parse, settings exist, make targets and files are there."""

import re
from pathlib import Path

import pytest

from cluster.resolve import ENV_PREFIX, fields_of
from cluster.settings import Section, Settings
from tests.command_lines import parse_command

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data_prep/README.md", "k8s/README.md")
DOCS = [ROOT / name for name in PAGES]
SECTIONS = "|".join(
    name
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
)
FENCE = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)


def commands() -> list[str]:
    found = []
    for path in DOCS:
        for block in FENCE.findall(path.read_text("utf-8")):
            joined = block.replace("\\\n", " ")
            found += re.findall(
                r"^(?:\$ )?(openbook .+?)\s*(?:#.*|[|>].*|&)?$", joined, re.MULTILINE
            )
    return found


@pytest.mark.parametrize("line", commands())
def test_documented_command_parses(line: str) -> None:
    parse_command(line)


def test_readme_shows_commands_at_all() -> None:
    assert len(commands()) >= 8


def test_documented_settings_exist() -> None:
    known = fields_of()
    for path in DOCS:
        text = path.read_text("utf-8")
        dotted = re.findall(rf"`((?:{SECTIONS})\.[a-z_.]+)", text)
        dotted += re.findall(r"--set ([a-z_.]+)=", text)
        dotted += [
            name.lower().replace("__", ".") for name in re.findall(rf"{ENV_PREFIX}([A-Z_]+)", text)
        ]
        for key in dotted:
            key = key.rstrip(".")
            below = any(name.startswith(f"{key}.") for name in known)
            file = (ROOT / key).is_file()
            assert key in known or below or file or key == "config", f"{path.name}: {key}"


def test_documented_make_targets_and_paths_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for path in DOCS:
        text = path.read_text("utf-8")
        for block in FENCE.findall(text):
            for target in re.findall(r"^(?:\$ )?make ([a-z-]+)", block, re.MULTILINE):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        for name in re.findall(r"`((?:cluster|data_prep|train|serve|k8s|tests)/[\w./-]+)`", text):
            assert (ROOT / name).exists(), f"{path.name}: {name}"
