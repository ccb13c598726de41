"""What of peft's LoRA can be served: one list for the preflight of training and for the engines."""

from collections.abc import Mapping
from typing import Any

# peft options that change what an adapter computes beyond W + B·A·scaling
_UNSERVED = (
    "use_dora", "modules_to_save", "lora_bias", "trainable_token_indices", "layer_replication",
    "target_parameters", "use_qalora", "alora_invocation_tokens", "arrow_config", "use_bdlora",
    "fan_in_fan_out",
)  # fmt: skip


def unserved_options(config: Mapping[str, Any]) -> list[str]:
    """Options in an adapter's configuration that no engine of ours applies; empty when it can be served."""
    used = [name for name in _UNSERVED if config.get(name)]
    return [*used, "bias"] if config.get("bias", "none") != "none" else used


def largest_rank(config: Mapping[str, Any]) -> int:
    """The highest rank in an adapter's configuration."""
    return max([int(config.get("r") or 0), *(config.get("rank_pattern") or {}).values()])
