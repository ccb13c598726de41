"""What was trained as a folder: an adapter that peft, vLLM and our engine load, or a whole model.

Byte-identical for identical weights: peft itself writes sets in the order of their hashes and the
path of the base model on this machine, so an adapter's configuration is written here.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cluster.artifacts import file_hash
from cluster.keys import content_id

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
MODEL_CONFIG = "config.json"


def export(model: Any, tokenizer: Any, base: str, folder: Path) -> None:
    """Write the adapter of `model` and its tokenizer; `base` is the base model's id."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    # "auto" would look for the base model's configuration on the network
    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    config = {key: _plain(value) for key, value in model.peft_config["default"].to_dict().items()}
    config |= {"base_model_name_or_path": base, "inference_mode": True}
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), "utf-8")


def merged(model: Any) -> Any:
    """A model without adapter: a DoRA adapter becomes part of the weights, in float32, and is gone."""
    from peft import PeftModel

    return model.float().merge_and_unload() if isinstance(model, PeftModel) else model


def export_model(whole: Any, state: Mapping[str, Tensor], tokenizer: Any, folder: Path) -> None:
    """Write a whole model with the weights `state` and its tokenizer, as transformers does."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    # saved from a twin: `whole` stays in float32, which transformers would write as the model's dtype
    with torch.device("meta"):
        twin = type(whole)(whole.config)
    twin.load_state_dict(state, assign=True)
    twin.tie_weights()
    twin.generation_config = whole.generation_config
    twin.save_pretrained(folder)


def model_version(folder: Path) -> str:
    """The version of a model: a hash of its weights and configuration."""
    files = sorted([*folder.glob("*.safetensors"), folder / MODEL_CONFIG])
    return content_id(*((path.name, file_hash(path)) for path in files), length=12)


def adapter_version(folder: Path) -> str:
    """The version of an adapter: a hash of its weights and configuration."""
    return content_id(file_hash(folder / WEIGHTS), file_hash(folder / CONFIG), length=12)


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else value
