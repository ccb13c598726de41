"""Scripts read stdout: with `--json` it holds one document and nothing else."""

import json

import pytest

from cluster.console import Console
from cluster.session import Session
from cluster.settings import Settings


def test_session_of_a_command_with_json_keeps_stdout_for_the_result(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with Session(settings, Console(json_output=True)) as session:
        print("a library has something to say")
        session.console.line("told to a person")
        session.console.result({"answer": "amber"})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"answer": "amber"}
    assert "something to say" in err
    assert "told to a person" in err
    print("after the command")
    assert "after the command" in capsys.readouterr().out


def test_session_of_a_command_without_json_talks_to_a_person(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with Session(settings, Console()) as session:
        session.console.line("told to a person")
        session.console.result({"answer": "amber"})
    assert "told to a person" in capsys.readouterr().out
