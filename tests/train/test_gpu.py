"""Training on a GPU computes what it computes on the CPU, by its own attention kernel."""

from importlib.util import find_spec
from typing import Any

import pytest
import torch

from cluster.settings import TrainSettings
from tests.training_sets import TRAIN, examples
from train.batches import MicroBatch, pack
from train.examples import Encoder
from train.export import export
from train.model import AnswerLoss, Base, build_model, trained_weights
from train.preflight import check_effect, check_files

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"),
]


@pytest.fixture(scope="module")
def row(tokenizer: Any) -> MicroBatch:
    encoder = Encoder(tokenizer, "raft", 512, seed=0)
    return pack([text for item in examples(5) for text in encoder.texts(item, 0)])


def settings(**changes: Any) -> TrainSettings:
    return TRAIN.model_copy(update={"use_gpu": True, **changes})


def learned(base: Base, chosen: TrainSettings, row: MicroBatch) -> tuple[float, torch.Tensor]:
    """Loss and all gradients of a row."""
    model = build_model(base, chosen)
    for name, weight in trained_weights(model).items():
        if "lora_B" in name:
            weight.data += 0.05 * torch.ones_like(weight)
    loss = AnswerLoss(model, base.dtype)(row.to(torch.device(base.device)))
    loss.backward()
    gradients = [weight.grad.flatten().cpu() for weight in trained_weights(model).values()]
    return float(loss), torch.cat(gradients)


@pytest.mark.parametrize("method", ["lora", "dora", "full"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_gpu_gives_the_loss_and_gradients_of_the_cpu(
    tiny_model: str, row: MicroBatch, method: str, dtype: str
) -> None:
    chosen = settings(method=method)
    loss, gradients = learned(Base(tiny_model, "float32"), chosen, row)
    found, moved = learned(Base(tiny_model, dtype, "cuda"), chosen, row)
    exact = dtype == "float32"
    assert found == pytest.approx(loss, rel=1e-4 if exact else 0.02)
    assert (moved - gradients).norm() / gradients.norm() < (1e-3 if exact else 0.1)


@pytest.mark.timeout(400)  # the compiler takes minutes where it has few cores
def test_compiled_layers_give_the_same_loss(tiny_model: str, row: MicroBatch) -> None:
    base = Base(tiny_model, "bfloat16", "cuda")
    plain, _ = learned(base, settings(), row)
    compiled, _ = learned(base, settings(compile=True), row)
    assert compiled == pytest.approx(plain, rel=0.01)


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
def test_qlora_learns_on_a_base_of_4_bits_and_leaves_an_adapter(
    base_model: str, row: MicroBatch, tokenizer: Any, tmp_path: Any
) -> None:
    base = Base(base_model, "bfloat16", "cuda")
    model = build_model(base, settings(method="qlora"))
    assert "Linear4bit" in {type(module).__name__ for module in model.modules()}
    loss, batch = AnswerLoss(model, base.dtype), row.to(torch.device("cuda"))
    adamw = torch.optim.AdamW(trained_weights(model).values(), lr=1e-3)
    losses = []
    for _ in range(8):
        adamw.zero_grad()
        value = loss(batch)
        value.backward()
        adamw.step()
        losses.append(float(value))
    assert losses[-1] < 0.8 * losses[0]
    export(model, tokenizer, "base", tmp_path)
    check_files(tmp_path, "base", base_model)
    assert check_effect(model.unload(), tokenizer, tmp_path) > 0
