"""The command line at its border: help is instant, errors become messages, codes and JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli import VERBS, app

ROOT = Path(__file__).parents[2]


def openbook(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cluster", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "OPENBOOK_HOME": str(home)},
        check=False,
    )


def test_help_lists_every_verb_without_loading_heavy_libraries(tmp_path: Path) -> None:
    done = openbook("--help", home=tmp_path)
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_verb_has_help_and_json(verb: str) -> None:
    # in this process: the verbs share imports that take seconds
    done = CliRunner().invoke(app, [verb, "--help"])
    assert done.exit_code == 0, done.output
    if "Commands" not in done.stdout:
        assert "--json" in done.stdout


def test_unknown_corpus_is_one_line_and_exit_code_one(tmp_path: Path) -> None:
    done = openbook("search", "hello", "--corpus", "nope", "--json", home=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["error"]["type"] == "NotFoundError"


def test_wrong_usage_is_exit_code_two(tmp_path: Path) -> None:
    assert openbook("search", home=tmp_path).returncode == 2
    assert openbook("nonsense", home=tmp_path).returncode == 2
    assert openbook("config", "--set", "no.such=1", home=tmp_path).returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "--json"),
        ("nonsense", "--json"),
        ("search", "x", "--corpus", "y", "-k", "0", "--json"),
    ],
)
def test_wrong_usage_with_json_is_one_document(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = openbook(*arguments, home=tmp_path)
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["type"] == "UsageError"
    assert error["message"] in " ".join(done.stderr.split())


def test_help_beside_json_is_help(tmp_path: Path) -> None:
    done = openbook("search", "--json", "--help", home=tmp_path)
    assert done.returncode == 0
    assert "--top-k" in done.stdout


def test_home_that_cannot_be_written_is_one_line_and_one_document(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "a.md").write_text("# A\n\nWords.")
    done = openbook(
        "ingest", str(tmp_path / "a.md"), "--corpus", "c", "--json", home=tmp_path / "file" / "home"
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Not a directory" in json.loads(done.stdout)["error"]["message"]


def test_config_prints_every_setting_with_its_source(tmp_path: Path) -> None:
    done = openbook("config", "--json", "--set", "train.epochs=9", home=tmp_path)
    values = json.loads(done.stdout)
    assert values["train.epochs"] == {"value": 9, "source": "flag"}
    assert values["home"]["source"] == "environment"
    assert values["train.seed"]["source"] == "default"
