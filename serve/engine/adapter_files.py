"""A folder of LoRA files -> tensors, or a refusal that says why.

Everything that the files hold is applied, or the adapter is refused: a tensor that is left out is
an adapter that answers differently from what was trained. peft is used to read the configuration.

r rank, I inputs, O outputs of a linear.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key
from safetensors.torch import load_file
from torch import Tensor

from cluster.lora import unserved_options

_PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True)
class LoraWeights:
    """Of one linear: `down_rI`, and `up_rO` with the scaling in it."""

    down_rI: Tensor
    up_rO: Tensor


@dataclass(frozen=True, slots=True)
class Adapter:
    """Weights by name of the linear; `rank` is the largest."""

    weights: Mapping[str, LoraWeights]
    rank: int

    def to(self, device: str) -> "Adapter":
        """The same on another device."""
        moved = {
            name: LoraWeights(of.down_rI.to(device), of.up_rO.to(device))
            for name, of in self.weights.items()
        }
        return Adapter(moved, self.rank)


@dataclass(frozen=True, slots=True)
class Target:
    """A linear that adapters may change."""

    inputs: int
    outputs: int


def read_adapter(
    path: Path, targets: Mapping[str, Target], others: frozenset[str], dtype: torch.dtype
) -> Adapter:
    """Read and check a folder. `others` are modules that no adapter may change.

    OSError, ValueError or KeyError say what does not fit.
    """
    config = PeftConfig.from_pretrained(str(path))
    if not isinstance(config, LoraConfig):
        raise ValueError(f"only LoRA adapters are served, got {config.peft_type}")
    _check_options(config)
    names = _targeted(config, targets, others)
    tensors = load_file(path / "adapter_model.safetensors")
    _check_names(set(tensors), names)
    weights = {name: _weights(name, tensors, targets[name], config, dtype) for name in names}
    return Adapter(weights, max(len(of.down_rI) for of in weights.values()))


def _check_options(config: Any) -> None:
    if used := unserved_options(vars(config)):
        raise ValueError(f"it uses {', '.join(used)}, which is not served; train it without")


def _targeted(config: Any, targets: Mapping[str, Target], others: frozenset[str]) -> list[str]:
    foreign = [name for name in sorted(others) if check_target_module_exists(config, name)]
    if foreign:
        raise ValueError(f"it targets {foreign[0]!r}; only linears inside the layers are served")
    names = [name for name in targets if check_target_module_exists(config, name)]
    if not names:
        raise ValueError(f"target_modules {config.target_modules!r} match no linear of the model")
    return names


def _key(name: str, side: str) -> str:
    return f"{_PREFIX}{name}.lora_{side}.weight"


def _check_names(found: set[str], names: list[str]) -> None:
    expected = {_key(name, side) for name in names for side in "AB"}
    odd = sorted(expected ^ found)
    if odd:
        word = "missing" if odd[0] in expected else "unexpected"
        raise ValueError(f"{len(odd)} weights do not match, the first, {odd[0]!r}, is {word}")


def _weights(
    name: str, tensors: Mapping[str, Tensor], target: Target, config: Any, dtype: torch.dtype
) -> LoraWeights:
    rank = config.rank_pattern.get(get_pattern_key(config.rank_pattern, name), config.r)
    alpha = config.alpha_pattern.get(get_pattern_key(config.alpha_pattern, name), config.lora_alpha)
    down, up = tensors[_key(name, "A")], tensors[_key(name, "B")]
    wanted = ((rank, target.inputs), (target.outputs, rank))
    if (tuple(down.shape), tuple(up.shape)) != wanted:
        got = f"{tuple(down.shape)} and {tuple(up.shape)}"
        raise ValueError(f"weights of {name!r} have shapes {got}, the model needs {wanted}")
    if not (down.isfinite().all() and up.isfinite().all()):
        raise ValueError(f"weights of {name!r} are not all finite numbers")
    scaling = alpha / (rank**0.5 if config.use_rslora else rank)
    scaled = (up.float() * scaling).to(dtype)
    return LoraWeights(down.to(dtype).contiguous(), scaled.t().contiguous())
