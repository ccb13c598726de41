"""Ray Train end to end: several workers, killed drivers and finished runs end in the same adapter."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from cluster.cli import load_verb
from cluster.models import base_model_path
from cluster.session import Session
from cluster.settings import TrainSettings
from tests.processes import kill_when
from tests.training_sets import TRAIN, session_of_file
from train.adapters_cli import check_target
from train.cli import train_adapter
from train.curve import Curve
from train.export import adapter_version, export
from train.fit import Fit
from train.job import make_job
from train.launch import result_prefix
from train.loop import material
from train.model import AnswerLoss, Base, build_model, trained_weights
from train.optimiser import Alone

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]
STEPS_PER_EPOCH = 3


def open_session(home: Path, model: str, train: TrainSettings) -> Session:
    return session_of_file(home, model, train, ray={"num_cpus": 2})


def train_without_ray(session: Session, tokenizer: Any, folder: Path) -> tuple[Fit, str]:
    """The same run in this process: its fit and the version of its adapter."""
    job = make_job(session, "lamps", "raft")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    model = build_model(Base(session.settings.models.base, "float32"), job.settings.train)
    found = material(job, session, tokenizer)
    fit = Fit(model, AnswerLoss(model, "float32"), found, job.settings.train, Alone())
    while not fit.done:
        fit.step()
    torch.set_num_threads(threads)
    export(model, tokenizer, job.base, folder)
    return fit, adapter_version(folder)


def test_two_workers_reach_the_adapter_of_one(
    ray_cluster: None, tmp_path: Path, tiny_model: str, tokenizer: Any
) -> None:
    questions = tmp_path / "guard.jsonl"
    questions.write_text(json.dumps({"question": "Who?", "choices": ["Ann", "Bob"], "answer": 1}))
    guarded = {"num_workers": 2, "guard": str(questions)}
    session = open_session(tmp_path / "home", tiny_model, TRAIN.model_copy(update=guarded))
    report = train_adapter(session, "lamps", "lamp", "raft")
    fit, _ = train_without_ray(session, tokenizer, tmp_path / "alone")
    assert report["steps"] == fit.progress.step == TRAIN.epochs * STEPS_PER_EPOCH
    for name in ("train_loss", "validation_loss"):
        assert report[name] == pytest.approx(fit.progress.metrics()[name], rel=1e-4)
    ref = session.adapters.resolve("lamp")
    trained = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    folder = session.adapters.fetch(ref, tmp_path / "cache")
    loaded = PeftModel.from_pretrained(trained, str(folder), is_trainable=True)
    expected = fit.optimiser.weights
    for name, weight in trained_weights(loaded).items():
        assert torch.allclose(weight, expected[name], atol=1e-5), name
    assert session.adapters.manifest(ref).metrics["guard"]["questions"] == 1
    assert check_target(session, str(ref)) > 0
    again = train_adapter(session, "lamps", "lamp", "raft")
    assert again["unchanged"]
    assert again["version"] == report["version"]


@pytest.mark.long
def test_driver_killed_mid_run_and_run_again_ends_in_the_same_version(
    ray_cluster: None, tmp_path: Path, tiny_model: str, tokenizer: Any
) -> None:
    train = TRAIN.model_copy(update={"epochs": 8, "checkpoint_steps": 2, "lora_dropout": 0.1})
    session = open_session(tmp_path / "home", tiny_model, train)
    whole, version = train_without_ray(session, tokenizer, tmp_path / "whole")
    run = tmp_path / "home" / "store" / "runs" / make_job(session, "lamps", "raft").run
    kill_after_checkpoint(run, tmp_path / "home" / "openbook.yaml")
    assert session.adapters.names() == []
    report = train_adapter(session, "lamps", "lamp", "raft")
    assert 0 < report["resumed_step"] < report["steps"] == 8 * STEPS_PER_EPOCH
    curve = Curve(session.store, str(report["curve"]), events=False).read()
    assert curve["step"].to_pylist() == list(range(1, int(report["steps"]) + 1))
    assert curve["loss"].to_pylist() == [row["loss"] for row in whole.curve]
    assert report["version"] == version
    job = make_job(session, "lamps", "raft")
    assert {key.split("/")[2] for key in session.store.list(f"runs/{job.run}")} == {
        "result",
        "metrics",
    }
    assert session.store.exists(f"{result_prefix(job)}/manifest.json")


@pytest.mark.long
def test_all_weights_trained_become_a_model_that_can_be_trained_on(
    ray_cluster: None, tmp_path: Path, tiny_model: str
) -> None:
    questions = tmp_path / "guard.jsonl"
    questions.write_text(json.dumps({"question": "Who?", "choices": ["Ann", "Bob"], "answer": 1}))
    full = {"method": "full", "epochs": 1, "learning_rate": None, "checkpoint_steps": 2}
    train = TRAIN.model_copy(update={**full, "num_workers": 2, "guard": str(questions)})
    session = open_session(tmp_path / "home", tiny_model, train)
    report = train_adapter(session, "lamps", "lamp", "raft")
    assert report["registered"] == f"store:lamp@{report['version']}"
    assert report["steps"] == STEPS_PER_EPOCH
    assert session.adapters.names() == []
    (manifest,) = session.trained_models.versions("lamp")
    assert (manifest.method, manifest.base_model) == ("full", tiny_model)
    models = session.settings.models.model_copy(update={"base": report["registered"]})
    path = base_model_path(session.settings.model_copy(update={"models": models}))
    trained = AutoModelForCausalLM.from_pretrained(path).state_dict()
    plain = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()
    assert trained.keys() == plain.keys()
    assert not any(torch.equal(trained[name], plain[name]) for name in plain)
    assert train_adapter(session, "lamps", "lamp", "raft")["unchanged"]


@pytest.mark.long
def test_cells_of_a_sweep_train_at_once_as_tasks(
    ray_cluster: None, tmp_path: Path, tiny_model: str
) -> None:
    train = TRAIN.model_copy(update={"epochs": 1, "cpus_per_worker": 1})
    session = open_session(tmp_path / "home", tiny_model, train)
    options = ["--dataset", "lamps", "--adapter", "lamp", "--mode", "raft", "--mode", "dsf"]
    config = ["--config", str(tmp_path / "home" / "openbook.yaml")]
    load_verb("sweep").main([*options, *config, "--at-once", "2"], standalone_mode=False)
    modes = {manifest.mode for manifest in session.adapters.versions("lamp")}
    assert modes == {"raft", "dsf"}


def kill_after_checkpoint(run: Path, config: Path) -> None:
    """`openbook train` in a process of its own, killed as soon as its run has a checkpoint."""
    ledger = run / "checkpoint_manager_snapshot.json"

    def checkpointed() -> bool:
        return ledger.is_file() and "checkpoint_" in ledger.read_text()

    options = ["--dataset", "lamps", "--adapter", "lamp", "--config", str(config)]
    kill_when(checkpointed, ["train", *options], {})
