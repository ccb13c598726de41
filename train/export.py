"""A trained adapter as a folder that peft, vLLM and our engine load.

Byte-identical for identical weights: peft itself writes sets in the order of their hashes and the
path of the base model on this machine, so the configuration is written here.
"""

import json
from pathlib import Path
from typing import Any

from cluster.artifacts import file_hash
from cluster.keys import content_id

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


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


def adapter_version(folder: Path) -> str:
    """The version of an adapter: a hash of its weights and configuration."""
    return content_id(file_hash(folder / WEIGHTS), file_hash(folder / CONFIG), length=12)


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else value
