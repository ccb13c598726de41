"""A linear with its weight laid out gives what the plain one gave, whatever the number of tokens."""

import pytest
import torch
from torch.nn import Linear

from serve.engine.fixed_linear import FixedLinear


def made(bias: bool, dtype: torch.dtype = torch.float32) -> Linear:
    torch.manual_seed(1)
    return Linear(48, 80, bias=bias).to(dtype).requires_grad_(False)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tokens", [1, 2, 16, 256, 300])
def test_fixed_linear_gives_what_the_linear_gave(bias: bool, tokens: int) -> None:
    x_1TI = torch.randn(1, tokens, 48)
    expected = made(bias)(x_1TI)
    assert torch.allclose(FixedLinear(made(bias))(x_1TI), expected, atol=1e-5)


@pytest.mark.parametrize("tokens", [1, 16, 256])
def test_fixed_linear_in_bfloat16_gives_what_the_linear_gave(tokens: int) -> None:
    x_TI = torch.randn(tokens, 48, dtype=torch.bfloat16)
    expected = made(True, torch.bfloat16)(x_TI)
    found = FixedLinear(made(True, torch.bfloat16))(x_TI)
    assert found.dtype == torch.bfloat16
    assert torch.allclose(found, expected, rtol=2**-7, atol=2**-7)


def test_fixed_linear_of_columns_that_are_not_contiguous_gives_the_same() -> None:
    x_TI = torch.randn(48, 7).t()
    assert torch.allclose(FixedLinear(made(True))(x_TI), made(True)(x_TI), atol=1e-5)


def test_weight_that_is_laid_out_is_not_held_twice() -> None:
    base = made(True)
    fixed = FixedLinear(base)
    assert base.weight.device.type == ("meta" if torch.backends.mkldnn.is_available() else "cpu")
    assert fixed.weight.shape == (80, 48)
    assert fixed.weight.dtype == torch.float32


def test_weight_of_another_dtype_stays_as_it_is() -> None:
    base = made(False, torch.float64)
    x_1TI = torch.randn(1, 3, 48, dtype=torch.float64)
    expected = base(x_1TI)
    assert torch.equal(FixedLinear(base)(x_1TI), expected)
    assert base.weight.device.type == "cpu"
