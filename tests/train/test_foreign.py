"""Adapters made elsewhere: checked like our own, registered once, refused with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from cluster.console import Console
from cluster.errors import GateError, InputError
from cluster.prompts import PROMPT_HASH
from cluster.resolve import load_settings
from cluster.session import Session
from train.adapters_cli import adapters
from train.foreign import Foreign, import_adapter


@pytest.fixture
def session(tmp_path: Path, tiny_model: str) -> Session:
    path = tmp_path / "openbook.yaml"
    values = {"home": str(tmp_path / "home"), "models": {"base": tiny_model, "dtype": "float32"}}
    path.write_text(yaml.safe_dump(values))
    return Session(load_settings(file=path, environ={}).settings, Console(quiet=True))


@pytest.fixture
def folder(tmp_path: Path, tiny_model: str) -> Path:
    """What somebody's peft script leaves: names of its own for the base, no tokenizer."""
    return save_peft(tmp_path / "theirs", tiny_model, target_modules=["q_proj", "up_proj"])


def save_peft(folder: Path, model: str, **options: Any) -> Path:
    torch.manual_seed(3)
    base = AutoModelForCausalLM.from_pretrained(model)
    adapted = get_peft_model(
        base,
        LoraConfig(**{"r": 4, "task_type": "CAUSAL_LM", "init_lora_weights": False, **options}),
    )
    adapted.save_pretrained(folder)
    return folder


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_foreign_adapter_is_registered_once_with_where_it_came_from(
    session: Session, folder: Path
) -> None:
    ref = import_adapter(session, Foreign(folder, "tone"))
    manifest = session.adapters.manifest(ref)
    assert (manifest.mode, manifest.rank, manifest.plain) == ("imported", 4, True)
    assert manifest.target_modules == ("q_proj", "up_proj")
    assert manifest.lineage["folder"] == "theirs"
    assert set(manifest.files) == {"adapter_config.json", "adapter_model.safetensors"}
    assert import_adapter(session, Foreign(folder, "tone")) == ref
    assert len(session.adapters.versions("tone")) == 1


def test_foreign_adapter_of_our_prompts_is_asked_in_them(session: Session, folder: Path) -> None:
    ref = import_adapter(session, Foreign(folder, "lamp", openbook_prompts=True))
    assert session.adapters.manifest(ref).prompt_hash == PROMPT_HASH


def test_foreign_adapter_under_another_name_of_the_base_needs_a_word(
    session: Session, folder: Path, tiny_model: str
) -> None:
    edit(folder, base_model_name_or_path="somebody/tiny")
    with pytest.raises(GateError, match=r"'somebody/tiny'.*--assume-base"):
        import_adapter(session, Foreign(folder, "tone"))
    ref = import_adapter(session, Foreign(folder, "tone", assume_base=True))
    manifest = session.adapters.manifest(ref)
    assert (manifest.base_model, manifest.lineage["base_model"]) == (tiny_model, "somebody/tiny")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"use_dora": True}, "uses use_dora, which is not served"),
        ({"modules_to_save": ["lm_head"]}, "uses modules_to_save"),
        ({"bias": "all"}, "uses bias"),
        ({"r": 128}, r"rank 128, serving takes at most 64.*serve\.engine\.max_rank"),
        ({"rank_pattern": {"q_proj": 99}}, "rank 99"),
    ],
)
def test_foreign_adapter_that_cannot_be_served_is_refused(
    session: Session, tmp_path: Path, tiny_model: str, options: dict[str, Any], says: str
) -> None:
    folder = save_peft(tmp_path / "odd", tiny_model, **{"target_modules": ["q_proj"], **options})
    with pytest.raises(GateError, match=says):
        import_adapter(session, Foreign(folder, "tone"))
    assert session.adapters.names() == []


def test_foreign_adapter_with_a_dropped_or_broken_tensor_is_refused(
    session: Session, folder: Path
) -> None:
    path = folder / "adapter_model.safetensors"
    whole = load_file(path)
    first = min(whole)
    save_file({name: tensor for name, tensor in whole.items() if name != first}, path)
    with pytest.raises(GateError, match="lacks 1 tensors"):
        import_adapter(session, Foreign(folder, "tone"))
    save_file({**whole, first: torch.full_like(whole[first], torch.nan)}, path)
    with pytest.raises(GateError, match="NaN or infinite"):
        import_adapter(session, Foreign(folder, "tone"))


def test_foreign_adapter_of_another_model_is_refused(session: Session, folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    save_file({name: tensor.repeat(2, 2) for name, tensor in load_file(path).items()}, path)
    with pytest.raises(GateError, match="has shape"):
        import_adapter(session, Foreign(folder, "tone", assume_base=True))


def test_foreign_pickle_is_refused_unread(session: Session, folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(GateError, match=r"pickle.*adapter_model\.safetensors"):
        import_adapter(session, Foreign(folder, "tone"))


def test_foreign_folder_that_is_not_there_is_refused(session: Session, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        import_adapter(session, Foreign(tmp_path / "nothing", "tone"))


def test_foreign_adapter_from_the_command_line(
    session: Session, folder: Path, tmp_path: Path
) -> None:
    options = ["--config", str(tmp_path / "openbook.yaml"), "--json"]
    run = CliRunner()
    checked = run.invoke(adapters, ["check", str(folder), *options], catch_exceptions=False)
    assert json.loads(checked.stdout)["ok"]
    arguments = ["import", str(folder), "--name", "tone", *options]
    report = json.loads(run.invoke(adapters, arguments, catch_exceptions=False).stdout)
    assert session.adapters.resolve("tone").version == report["version"]
