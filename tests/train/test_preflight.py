"""An adapter that is damaged, of another shape, of another base or without effect is not registered."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from cluster.errors import GateError
from tests.training_sets import TRAIN
from train.export import (
    CONFIG,
    WEIGHTS,
    adapter_version,
    export,
    export_model,
    merged,
    model_version,
)
from train.model import Base, build_model, trained_weights
from train.preflight import check_effect, check_files, check_model
from train.sharding import whole_state

BASE = "tiny"


@pytest.fixture
def folder(tmp_path: Path, tiny_model: str, tokenizer: Any) -> Path:
    """A sound adapter."""
    model = build_model(Base(tiny_model, "float32"), TRAIN)
    for name, weight in trained_weights(model).items():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    export(model, tokenizer, BASE, tmp_path / "adapter")
    return tmp_path / "adapter"


def test_adapter_of_the_last_layers_passes(tmp_path: Path, tiny_model: str, tokenizer: Any) -> None:
    settings = TRAIN.model_copy(update={"lora_layers": 1})
    model = build_model(Base(tiny_model, "float32"), settings)
    export(model, tokenizer, BASE, tmp_path)
    assert not any(".layers.0." in name for name in load_file(tmp_path / WEIGHTS))
    check_files(tmp_path, BASE, tiny_model)


def change_config(folder: Path, **values: Any) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **values}))


def change_weights(folder: Path, change: Any) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors, sorted(tensors)[0])
    save_file(tensors, folder / WEIGHTS)


def test_sound_adapter_passes_and_leaves_the_base_as_it_was(
    folder: Path, tiny_model: str, tokenizer: Any
) -> None:
    check_files(folder, BASE, tiny_model)
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    names = set(base.state_dict())
    assert check_effect(base, tokenizer, folder) > 0.01
    assert set(base.state_dict()) == names


def test_export_is_the_same_for_the_same_weights(
    folder: Path, tmp_path: Path, tiny_model: str, tokenizer: Any
) -> None:
    again = []
    for number in range(2):
        model = build_model(Base(tiny_model, "float32"), TRAIN)
        export(model, tokenizer, BASE, tmp_path / str(number))
        again.append(adapter_version(tmp_path / str(number)))
    assert again[0] == again[1] != adapter_version(folder)
    assert str(tmp_path) not in (folder / CONFIG).read_text()


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_missing_file_is_named(folder: Path, tiny_model: str, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(GateError, match=name):
        check_files(folder, BASE, tiny_model)


def test_truncated_weights_are_damaged(folder: Path, tiny_model: str) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])
    with pytest.raises(GateError, match="damaged"):
        check_files(folder, BASE, tiny_model)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"peft_type": "IA3"}'])
def test_configuration_of_something_else_is_refused(
    folder: Path, tiny_model: str, text: str
) -> None:
    (folder / CONFIG).write_text(text)
    with pytest.raises(GateError, match=CONFIG):
        check_files(folder, BASE, tiny_model)


def test_other_base_model_is_named(folder: Path, tiny_model: str) -> None:
    with pytest.raises(GateError, match=r"trained on 'tiny'.*'other'"):
        check_files(folder, "other", tiny_model)


def test_other_rank_than_configured_is_refused(folder: Path, tiny_model: str) -> None:
    change_config(folder, r=8)
    with pytest.raises(GateError, match="shape"):
        check_files(folder, BASE, tiny_model)


def test_target_that_the_base_does_not_have_is_refused(folder: Path, tiny_model: str) -> None:
    change_config(folder, target_modules=["wqkv"])
    with pytest.raises(GateError, match="does not fit"):
        check_files(folder, BASE, tiny_model)


def test_nan_is_refused(folder: Path, tiny_model: str) -> None:
    change_weights(folder, lambda tensors, name: tensors[name].fill_(float("nan")))
    with pytest.raises(GateError, match="NaN"):
        check_files(folder, BASE, tiny_model)


def test_dropped_tensor_is_named(folder: Path, tiny_model: str) -> None:
    change_weights(folder, lambda tensors, name: tensors.pop(name))
    with pytest.raises(GateError, match=r"lacks 1 tensors.*lora_A"):
        check_files(folder, BASE, tiny_model)


def test_unexpected_tensor_is_named(folder: Path, tiny_model: str) -> None:
    change_weights(folder, lambda tensors, name: tensors.update(extra=torch.ones(1)))
    with pytest.raises(GateError, match=r"unexpected 1 tensors.*extra"):
        check_files(folder, BASE, tiny_model)


def test_adapter_without_effect_is_refused(folder: Path, tiny_model: str, tokenizer: Any) -> None:
    def silence(tensors: dict[str, torch.Tensor], _name: str) -> None:
        for name in tensors:
            if "lora_B" in name:
                tensors[name].zero_()

    change_weights(folder, silence)
    check_files(folder, BASE, tiny_model)
    with pytest.raises(GateError, match="does not change"):
        check_effect(
            AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32), tokenizer, folder
        )


def save_model(folder: Path, base: Base, tokenizer: Any, method: str, change: float) -> None:
    """A whole model as a method leaves it, its trained weights moved by `change`."""
    model = build_model(base, TRAIN.model_copy(update={"method": method}))
    torch.manual_seed(1)
    for name, weight in trained_weights(model).items():
        if method == "full" or "lora_B" in name:
            weight.data += change * torch.randn_like(weight)
    whole = merged(model)
    export_model(whole, whole_state(whole, base.dtype, keep=True), tokenizer, folder)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", ["full", "dora"])
def test_whole_model_loads_alone_and_says_what_training_left(
    tmp_path: Path, tiny_model: str, tokenizer: Any, method: str, dtype: str
) -> None:
    base = Base(tiny_model, dtype)
    save_model(tmp_path / "model", base, tokenizer, method, 0.1)
    assert check_model(tmp_path / "model", base, tokenizer) > 0.01
    save_model(tmp_path / "again", base, tokenizer, method, 0.1)
    assert model_version(tmp_path / "again") == model_version(tmp_path / "model")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert loaded.dtype == getattr(torch, dtype)
    assert "openbook" not in (tmp_path / "model" / "config.json").read_text()


def test_dora_merged_is_dora_attached(tmp_path: Path, tiny_model: str, tokenizer: Any) -> None:
    model = build_model(Base(tiny_model, "float32"), TRAIN.model_copy(update={"method": "dora"}))
    for name, weight in trained_weights(model).items():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        attached = model(input_ids=ids).logits
    whole = merged(model)
    export_model(whole, whole_state(whole, "float32", keep=True), tokenizer, tmp_path)
    with torch.no_grad():
        loaded = AutoModelForCausalLM.from_pretrained(tmp_path)(input_ids=ids).logits
    assert torch.allclose(attached, loaded, atol=1e-4)


@pytest.mark.parametrize(("change", "says"), [(0.0, "learned nothing"), (float("nan"), "NaN")])
def test_whole_model_without_effect_or_without_numbers_is_refused(
    tmp_path: Path, tiny_model: str, tokenizer: Any, change: float, says: str
) -> None:
    base = Base(tiny_model, "float32")
    save_model(tmp_path, base, tokenizer, "full", change)
    with pytest.raises(GateError, match=says):
        check_model(tmp_path, base, tokenizer)
