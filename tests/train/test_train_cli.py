"""What a run would take is told without Ray, and what cannot run is refused then."""

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.cli import load_verb
from cluster.errors import InputError, SettingsError
from cluster.records import Conversation, ModelManifest, Turn
from cluster.session import Session
from tests.training_sets import TRAIN, session_of_file


@pytest.fixture
def session(tmp_path: Path, tiny_model: str) -> Session:
    return session_of_file(tmp_path / "home", tiny_model, TRAIN)


@pytest.fixture
def config(tmp_path: Path, session: Session) -> list[str]:
    return ["--config", str(tmp_path / "home" / "openbook.yaml")]


def run(verb: str, *arguments: str) -> None:
    load_verb(verb).main(list(arguments), standalone_mode=False)


def test_dry_run_tells_steps_tokens_memory_and_time_and_trains_nothing(
    session: Session, config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run("train", "--dataset", "lamps", "--adapter", "lamp", "--dry-run", "--json", *config)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["steps"] == 2 * 3
    assert told["tokens"] > 1000
    assert 1 < told["memory_gib"] < told["available_gib"]
    assert told["seconds"] >= 0
    assert session.adapters.names() == []
    assert not list(session.store.list("runs"))


def test_dry_run_of_what_will_not_fit_is_refused(session: Session, config: list[str]) -> None:
    wide = ["--set", "train.micro_batch_tokens=2000000000"]
    with pytest.raises(
        SettingsError, match=r"GiB are free for it; lower train\.micro_batch_tokens"
    ):
        run("train", "--dataset", "lamps", "--adapter", "lamp", "--dry-run", *wide, *config)


def test_conversation_that_the_template_refuses_is_told_before_the_run(
    session: Session, config: list[str], tmp_path: Path, tiny_model: str
) -> None:
    strict = tmp_path / "strict"
    strict.mkdir()
    for path in Path(tiny_model).iterdir():
        (strict / path.name).write_bytes(path.read_bytes())
    (strict / "chat_template.jinja").write_text(
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turn') }}"
        "{% endif %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    said = (Turn("user", "Who?"), Turn("assistant", "A lamp."))
    rows = [Conversation(f"chat {n}", said, "train") for n in range(5)]
    rows.append(Conversation("chat 5", (Turn("system", "Glow."), *said), "train"))
    session.datasets.publish_stream("chats", "v1", rows, lambda: ({"kind": "instruct"}, "# chats"))
    chosen = ["--set", f"models.base={strict}", "--mode", "instruct", "--dry-run"]
    with pytest.raises(InputError, match="chat 5: the model's chat template refuses"):
        run("train", "--dataset", "chats", "--adapter", "tone", *chosen, *config)


def test_models_that_training_made_are_listed_with_their_setting(
    session: Session, config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "config.json").write_text("{}")
    manifest = ModelManifest("tone", "v1", "tiny", "raft", "full", "p", "2026-01-01", {})
    session.trained_models.publish(tmp_path / "made", manifest)
    run("models", "list", "--json", *config)
    (found,) = json.loads(capsys.readouterr().out)["models"]
    assert (found["setting"], found["method"]) == ("store:tone@v1", "full")


def test_models_are_prepared_and_told_where_they_are(
    config: list[str], tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run("models", "prepare", "--json", *config)
    found = json.loads(capsys.readouterr().out)
    assert found["base"] == tiny_model
    assert (Path(found["embedder"]) / "modules.json").is_file()
