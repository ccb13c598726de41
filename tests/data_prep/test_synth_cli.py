"""`openbook synth` with a teacher: what may be given together, and what each way prints."""

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.cli import load_verb
from cluster.errors import GateError, OpenbookError, SettingsError, UsageError
from data_prep.sets.questions import read_questions
from tests.fake_teacher import FakeTeacher
from tests.taught_corpus import CORPUS, MODEL, publish_corpus, taught

COUNT = 6


@pytest.fixture
def home(tmp_path: Path) -> Path:
    publish_corpus(taught(tmp_path / "home", "http://t").settings, COUNT)
    return tmp_path / "home"


def synth(home: Path, *options: str) -> None:
    always = ["--corpus", CORPUS, "--dataset", "pumps", "--json", "--set", f"home={home}"]
    load_verb("synth").main([*always, *options], standalone_mode=False)


def taught_options(url: str, *options: str) -> list[str]:
    return ["--teacher", url, "--teacher-model", MODEL, "--questions-per-chunk", "2", *options]


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ([], UsageError, r"--qa FILE.*--teacher URL"),
        (["--qa", "f", "--teacher", "http://t"], UsageError, r"--qa FILE gives"),
        (["--qa", "f", "--dry-run"], UsageError, r"--qa FILE gives"),
        (["--teacher", "http://t"], SettingsError, r"--teacher-model"),
        (["--teacher", "http://t", "--teacher-model", "m", "--max-cost", "5"], SettingsError,
         r"teacher\.input_usd_per_million"),
        (["--teacher", "http://t", "--questions-per-chunk", "0"], SettingsError,
         r"teacher\.questions_per_chunk.*flag"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_explained(
    home: Path, options: list[str], error: type[OpenbookError], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        synth(home, *options)
    assert caught.value.exit_code == 2


def test_dry_run_prints_an_estimate(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeTeacher() as server:
        synth(home, *taught_options(server.url, "--dry-run", "--limit-chunks", "4"))
        assert server.attempts.total() == 0
    report = printed(capsys)
    assert (report["corpus"], report["dataset"], report["dry_run"]) == (CORPUS, "pumps", True)
    assert report["teacher"]["calls"] == {"questions": 4, "answers": 8, "answered_before": 0}


def test_questions_can_be_written_to_a_file_for_review(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "qa.jsonl"
    with FakeTeacher() as server:
        synth(home, *taught_options(server.url, "--questions-out", str(output)))
    report = printed(capsys)
    assert report["output"] == str(output)
    assert report["teacher"]["questions"] == len(read_questions(output)) == 2 * COUNT


def test_budget_that_does_not_last_is_a_failed_gate(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "qa.jsonl"
    with FakeTeacher() as server:
        limited = taught_options(server.url, "--max-tokens", "4500", "--questions-out", str(output))
        with pytest.raises(GateError, match=r"--max-tokens") as caught:
            synth(home, *limited, "--set", "teacher.concurrency=1")
        assert caught.value.exit_code == 3
        assert not output.exists()
        synth(home, *limited, "--allow-partial", "--set", "teacher.concurrency=1")
        assert server.tokens_in + server.tokens_out <= 4500
    assert printed(capsys)["teacher"]["partial"]
    assert 0 < len(read_questions(output)) < 2 * COUNT


def test_key_is_taken_from_the_environment_and_never_printed(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBOOK_TEACHER__API_KEY", "sk-hidden")
    with FakeTeacher() as server:
        synth(home, *taught_options(server.url, "--questions-out", str(tmp_path / "qa.jsonl")))
    assert server.headers[0]["Authorization"] == "Bearer sk-hidden"
    shown = capsys.readouterr()
    assert "sk-hidden" not in shown.out + shown.err
    load_verb("config").main(["--json"], standalone_mode=False)
    assert printed(capsys)["teacher.api_key"]["value"] == "***"
    held = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"sk-hidden" in path.read_bytes() for path in held)
