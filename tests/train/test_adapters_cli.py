"""A finished run becomes a version with lineage; the command line lists, checks and moves versions."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from cluster import artifacts
from cluster.console import Console
from cluster.errors import GateError, NotFoundError, UsageError
from cluster.prompts import PROMPT_HASH
from cluster.resolve import load_settings
from cluster.session import Session
from tests.training_sets import TRAIN, publish_set
from train.adapters_cli import adapters
from train.cli import train_adapter
from train.export import export
from train.job import make_job
from train.launch import result_prefix, run
from train.model import Base, build_model, trained_weights

Invoke = Callable[..., dict[str, Any]]


@pytest.fixture
def config(tmp_path: Path, tiny_model: str) -> Path:
    """A settings file for the tiny model and a home of its own."""
    values = {
        "home": str(tmp_path / "home"),
        "models": {"base": tiny_model, "dtype": "float32"},
        "train": TRAIN.model_dump(mode="json"),
    }
    path = tmp_path / "openbook.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture
def session(config: Path) -> Session:
    session = Session(load_settings(file=config, environ={}).settings, Console(quiet=True))
    publish_set(session.store, 4)
    return session


@pytest.fixture
def invoke(config: Path) -> Invoke:
    def call(*arguments: str) -> dict[str, Any]:
        options = ["--json", "--config", str(config)]
        result = CliRunner().invoke(adapters, [*arguments, *options], catch_exceptions=False)
        return dict(json.loads(result.stdout.splitlines()[-1]))

    return call


def finish_run(session: Session, folder: Path, tokenizer: Any, **train: Any) -> Mapping[str, Any]:
    """Leave in the store what a finished run leaves, without training; returns the train report."""
    changed = session.settings.train.model_copy(update=train)
    settings = session.settings.model_copy(update={"train": changed})
    session = Session(settings, Console(quiet=True))
    job = make_job(session, "lamps", "raft")
    model = build_model(Base(settings.models.base, "float32"), changed)
    for name, weight in trained_weights(model).items():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    export(model, tokenizer, job.base, folder / job.run)
    metrics = {"steps": 3, "train_loss": 2.0, "validation_loss": 2.5, "tokens_per_second": 9.0}
    artifacts.publish(session.store, result_prefix(job), folder / job.run, metrics)
    return train_adapter(session, "lamps", "lamp", "raft")


def test_finished_run_is_published_once_with_its_lineage(
    session: Session, tmp_path: Path, tokenizer: Any
) -> None:
    first = finish_run(session, tmp_path, tokenizer)
    again = train_adapter(session, "lamps", "lamp", "raft")
    assert not first["unchanged"]
    assert again["unchanged"]
    assert first["version"] == again["version"]
    assert {"steps", "train_loss", "validation_loss", "tokens_per_second", "seconds"} <= set(first)
    ref = session.adapters.resolve("lamp")
    manifest = session.adapters.manifest(ref)
    assert manifest.prompt_hash == PROMPT_HASH
    assert manifest.lineage["dataset"] == "lamps@v4"
    assert manifest.lineage["generation"] == "g1"
    assert manifest.lineage["packages"]["peft"]
    folder = session.adapters.fetch(ref, tmp_path / "cache")
    expected = {"adapter_config.json", "adapter_model.safetensors", "chat_template.jinja"}
    assert (
        expected
        <= {path.name for path in folder.iterdir()}
        == set(manifest.files) | {"manifest.json"}
    )


def test_adapters_are_listed_shown_promoted_and_rolled_back(
    session: Session, tmp_path: Path, tokenizer: Any, invoke: Invoke
) -> None:
    old = finish_run(session, tmp_path, tokenizer)["version"]
    new = finish_run(session, tmp_path, tokenizer, seed=5)["version"]
    invoke("promote", f"lamp@{old}")
    assert invoke("promote", f"lamp@{new}")["replaced"] == old
    rows = {row["version"]: row for row in invoke("list")["adapters"]}
    assert rows[new]["aliases"] == ["latest", "prod"]
    assert {"name", "version", "aliases", "base_model", "mode", "created"} <= set(rows[old])
    assert invoke("rollback", "lamp")["version"] == old
    assert invoke("show", "lamp")["version"] == old
    assert invoke("show", "lamp@latest")["lineage"]["seeds"]["train"] == 5


def test_check_accepts_a_sound_version_and_a_sound_folder(
    session: Session, tmp_path: Path, tokenizer: Any, invoke: Invoke
) -> None:
    run_name = finish_run(session, tmp_path, tokenizer)["run"]
    assert invoke("check", "lamp")["ok"]
    assert invoke("check", str(tmp_path / run_name))["change"] > 0


def test_check_refuses_a_folder_without_adapter(tmp_path: Path, invoke: Invoke) -> None:
    with pytest.raises(GateError, match=r"adapter_config\.json"):
        invoke("check", str(tmp_path))


def test_promote_without_version_and_unknown_names_are_refused(invoke: Invoke) -> None:
    with pytest.raises(UsageError, match="NAME@VERSION"):
        invoke("promote", "lamp")
    with pytest.raises(NotFoundError, match="'lamp' does not exist"):
        invoke("show", "lamp")


def test_set_without_training_examples_is_refused_before_ray_starts(session: Session) -> None:
    publish_set(session.store, 0)
    with pytest.raises(UsageError, match=r"lamps@v0.*no examples"):
        run(session, make_job(session, "lamps", "raft"))


def test_set_that_does_not_fit_is_refused_before_ray_starts(session: Session) -> None:
    short = session.settings.train.model_copy(update={"max_tokens": 64})
    small = Session(session.settings.model_copy(update={"train": short}), Console(quiet=True))
    with pytest.raises(UsageError, match=r"none of the 4 examples.*max_tokens=64"):
        run(small, make_job(small, "lamps", "raft"))


def test_adapter_name_that_cannot_be_a_key_is_refused(session: Session) -> None:
    with pytest.raises(UsageError, match=r"'\.\./x'"):
        train_adapter(session, "lamps", "../x", "raft")
