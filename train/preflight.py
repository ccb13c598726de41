"""Is this folder what training should make of that base model? Asked before a version is registered.

`check_files` needs only the base model's configuration: a skeleton without memory (PyTorch's meta
device) says which tensors an adapter of this kind has and of what shape. `check_effect` needs the
weights: the adapter must change what the model says. Both raise GateError with the reason.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cluster.errors import GateError
from cluster.prompts import render
from train.export import CONFIG, WEIGHTS
from train.model import Base

_GOLDEN = "What does the light on the speaker mean?"


def check_files(folder: Path, base: str | None, base_path: str) -> None:
    """Files, configuration, and every tensor by name, shape and value against the base at `base_path`.

    `base` is the name that the configuration must have for it; None for any.
    """
    config = read_config(folder)
    if base is not None and config.get("base_model_name_or_path") != base:
        raise GateError(
            f"adapter {folder.name!r} was trained on {config.get('base_model_name_or_path')!r}, "
            f"the base model here is {base!r}; set models.base to the former, or train it again; where "
            "both names mean the same weights, say so with --assume-base"
        )
    _compare(read_weights(folder), expected_shapes(config, base_path))


def check_effect(base_model: Any, tokenizer: Any, folder: Path) -> float:
    """How much the adapter moves the next-token logits of a golden prompt: finite and not 0.

    `base_model` is a plain transformers model and is left as it was.
    """
    from peft import PeftModel

    ids_BT = _golden(tokenizer).to(base_model.device)
    plain_V = _logits(base_model.eval(), ids_BT)
    adapted = PeftModel.from_pretrained(base_model, str(folder)).eval()
    adapted_V = _logits(adapted, ids_BT)
    adapted.unload()
    return _change(plain_V, adapted_V)


def check_model(folder: Path, base: Base, tokenizer: Any) -> float:
    """A whole model beside the one it was trained from: same tensors, finite, other output.

    Returns how much the next-token logits of a golden prompt differ, both models in `base.dtype` on the
    CPU. GateError with the reason.
    """
    from transformers import AutoModelForCausalLM

    ids_BT, dtype = _golden(tokenizer), getattr(torch, base.dtype)
    plain = AutoModelForCausalLM.from_pretrained(base.path, dtype=dtype)
    before_V = _logits(plain.eval(), ids_BT)
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, output_loading_info=True
    )
    if missing := info["missing_keys"] or info["mismatched_keys"]:
        raise GateError(f"model lacks {len(missing)} tensors, such as {sorted(missing)[0]!r}")
    return _change(before_V, _logits(model.eval(), ids_BT))


def read_config(folder: Path) -> dict[str, Any]:
    """The adapter's configuration; GateError when it is missing, no JSON, or not of LoRA."""
    path = folder / CONFIG
    if not path.is_file():
        raise GateError(f"adapter folder {folder.name!r} has no {CONFIG}")
    try:
        config = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise GateError(f"{CONFIG} of {folder.name!r} is not JSON: {error}") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise GateError(f"{CONFIG} of {folder.name!r} does not describe a LoRA adapter")
    return config


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The adapter's tensors; GateError when the file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    if not path.is_file():
        raise GateError(f"adapter folder {folder.name!r} has no {WEIGHTS}")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise GateError(f"{WEIGHTS} of {folder.name!r} is damaged: {error}") from error


def expected_shapes(config: Mapping[str, Any], base_path: str) -> dict[str, tuple[int, ...]]:
    """Tensor name -> shape of an adapter with `config` on the base model at `base_path`."""
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        # the base is the one at `base_path`, whatever the file calls it (`check_files` compares)
        lora = LoraConfig.from_peft_type(**{**config, "base_model_name_or_path": None})
        with torch.device("meta"):
            skeleton = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base_path))
            model = get_peft_model(skeleton, lora)
    except (ValueError, TypeError, KeyError) as error:
        raise GateError(f"{CONFIG} does not fit the base model: {error}") from error
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _compare(weights: Mapping[str, torch.Tensor], expected: Mapping[str, tuple[int, ...]]) -> None:
    for problem, names in (
        ("lacks", expected.keys() - weights.keys()),
        ("has unexpected", weights.keys() - expected.keys()),
    ):
        if names:
            raise GateError(f"adapter {problem} {len(names)} tensors, such as {min(names)!r}")
    for name, tensor in weights.items():
        if tuple(tensor.shape) != expected[name]:
            raise GateError(
                f"adapter tensor {name!r} has shape {tuple(tensor.shape)}, its configuration and "
                f"the base model ask for {expected[name]}"
            )
        if not torch.isfinite(tensor).all():
            raise GateError(f"adapter tensor {name!r} holds NaN or infinite values")


def _golden(tokenizer: Any) -> torch.Tensor:
    prompt = tokenizer.apply_chat_template(
        render(_GOLDEN, ()), add_generation_prompt=True, tokenize=False
    )
    return torch.tensor([tokenizer(prompt, add_special_tokens=False)["input_ids"]])


def _change(before_V: torch.Tensor, after_V: torch.Tensor) -> float:
    change = float((after_V - before_V).abs().max())
    if not math.isfinite(change):
        raise GateError(
            "training makes the model's output NaN or infinite; lower the learning rate"
        )
    if change == 0.0:
        raise GateError("training does not change the model's output: it learned nothing")
    return change


def _logits(model: Any, ids_BT: torch.Tensor) -> torch.Tensor:
    """Logits_V of the token after the prompt."""
    with torch.no_grad():
        return model(input_ids=ids_BT, use_cache=False).logits[0, -1].float()
