"""Attention of texts that share a row and do not see each other, called by transformers' own modules.

A micro-batch is one row of T tokens, text after text (packing), so no token is padding. Every layer of
the model hands its queries, keys and values to `attend`; the lengths of the texts travel with the
model's call (`lengths`, a keyword that transformers passes on). On a GPU one kernel takes all texts
(FlashAttention's variable length), elsewhere each text is one call of PyTorch's causal attention.

B rows, T tokens, H query heads, K key heads, D head size.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import scaled_dot_product_attention

from cluster.errors import SettingsError

NAME = "openbook_texts"
_UNSUPPORTED = ("softcap", "s_aux", "position_bias")  # what changes scores in other ways


def register() -> None:
    """Make the function known to transformers under `NAME`; idempotent. No mask function: none is built."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)


def check_window(config: Any, max_tokens: int) -> None:
    """SettingsError when a model of this configuration attends to less than a whole text.

    Told before a run; `attend` sees only what comes.
    """
    window = getattr(config, "sliding_window", None)
    if window is None or not getattr(config, "use_sliding_window", True) or max_tokens <= window:
        return
    raise SettingsError(
        f"train.packing: the model attends to windows of {window} tokens, train.max_tokens is "
        f"{max_tokens}; lower it to {window}, or set train.packing=false"
    )


@torch.compiler.disable  # the lengths differ with every row
def attend(
    module: Module, query: Tensor, key: Tensor, value: Tensor, _mask: None, **kwargs: Any
) -> tuple[Tensor, None]:
    """transformers' attention interface: queries `[B, H, T, D]`, keys and values `[B, K, T, D]`.

    Without `lengths` every row is one text. SettingsError for a model that attends in another way.
    """
    lengths: Sequence[int] = kwargs.get("lengths") or (query.shape[2],)
    _check(module, kwargs, max(lengths))
    dropout = kwargs.get("dropout", 0.0) if module.training else 0.0
    if len(lengths) > 1 and not dropout and _has_kernel(value):
        return _kernel(query, key, value, lengths, kwargs.get("scaling")), None
    groups = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    texts = zip(*(part.split(lengths, dim=2) for part in (query, key, value)), strict=True)
    attended = [
        scaled_dot_product_attention(q, k, v, None, dropout, True, scale=kwargs.get("scaling"))
        for q, k, v in texts
    ]
    return torch.cat(attended, dim=2).transpose(1, 2), None


def _has_kernel(value: Tensor) -> bool:
    return value.is_cuda and value.dtype in (torch.bfloat16, torch.float16)


def _kernel(
    query: Tensor, key: Tensor, value: Tensor, lengths: Sequence[int], scale: float | None
) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    ends = torch.tensor((0, *lengths)).cumsum(0).to(query.device, torch.int32, non_blocking=True)
    groups = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    # rotated queries and keys may come in float32, which the kernel does not know
    query_THD, key_THD, value_THD = (
        part[0].transpose(0, 1).to(value.dtype) for part in (query, key, value)
    )
    attended: Tensor = varlen_attn(
        query_THD, key_THD, value_THD, ends, ends, max(lengths), max(lengths),
        scale=scale, window_size=(-1, 0),
    )  # fmt: skip
    return attended[None]


def _check(module: Module, kwargs: dict[str, Any], longest: int) -> None:
    foreign = [name for name in _UNSUPPORTED if kwargs.get(name) is not None]
    window = kwargs.get("sliding_window")
    if window is not None and longest > window:
        foreign.append(f"a window of {window} tokens on a text of {longest}")
    if foreign or not getattr(module, "is_causal", True):
        raise SettingsError(
            f"train.packing: {type(module).__name__} attends with {', '.join(foreign) or 'no causal mask'}, "
            "which packed texts do not have; set train.packing=false"
        )
