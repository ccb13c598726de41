"""A linear whose weight never changes, laid out for the processor beforehand.

On a CPU the weight is kept as oneDNN's kernels read it, the layout into which torch.compile freezes
weights (`torch/_inductor/fx_passes/mkldnn_fusion.py`); torch.mm lays it out anew in every call. All
weights of SmolLM2-135M took 8 tokens 87 ms so and take 41 ms, 256 tokens 551 and 484 ms (float32, two
threads, AMD EPYC with AVX2, 2026-11-27); in bfloat16 on one with AVX-512-BF16 16 tokens took 32 ms and
take 21 ms, 256 tokens 186 and 172 ms (2026-11-29).
"""

import torch
from torch import Tensor
from torch.nn import Linear, Module

_TOKENS = 256  # of the step that the layout is chosen for; measured, it is as good for one token


class FixedLinear(Module):
    """Callable: `[..., T, I]` -> `[..., T, O]`, the same as the linear it is made of, which it empties.

    `weight` has no values where they are laid out; its shape and dtype are those of the linear.
    """

    def __init__(self, base: Linear) -> None:
        super().__init__()
        self.device = base.weight.device
        self.bias = base.bias
        self._base = base
        self._laid_out = _lay_out(base)
        if self._laid_out is not None:
            base.weight = torch.nn.Parameter(base.weight.to("meta"), requires_grad=False)
        self.weight = base.weight

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if self._laid_out is None:
            y: Tensor = self._base(x)
            return y
        product: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._laid_out, self.bias, "none", [], ""
        )
        return product


def _lay_out(base: Linear) -> Tensor | None:
    """None where the plain product is as good, or the weight is of another kind (quantised)."""
    plain = type(base) is Linear and base.weight.device.type == "cpu"
    if not plain or not torch.backends.mkldnn.is_available():
        return None
    dtypes = {torch.float32}
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        dtypes.add(torch.bfloat16)
    if base.weight.dtype not in dtypes:
        return None
    laid_out: Tensor = torch.ops.mkldnn._reorder_linear_weight(base.weight.detach(), _TOKENS)
    return laid_out
