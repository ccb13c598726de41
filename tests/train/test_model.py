"""The loss is Hugging Face's own, computed on fewer logits; a new adapter changes nothing."""

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.training_sets import TRAIN, examples
from train.batches import micro_batches, pad
from train.encoding import Encoded
from train.examples import Encoder
from train.model import AnswerLoss, adapter_weights, attach_adapter, load_base


@pytest.fixture(scope="module")
def texts(tokenizer: Any) -> list[Encoded]:
    encoder = Encoder(tokenizer, "raft", 512, seed=0)
    return [text for item in examples(5) if (text := encoder.encode(item, 0)) is not None]


def reference(path: str, texts: list[Encoded]) -> float:
    """Hugging Face's loss, one unpadded text at a time, as a sum over supervised tokens."""
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    total = 0.0
    with torch.no_grad():
        for text in texts:
            ids_BT, labels_BT = pad([text])
            total += float(model(input_ids=ids_BT, labels=labels_BT).loss) * text.supervised
    return total


@pytest.mark.parametrize("budget", [1, 700, 10_000])
def test_loss_in_micro_batches_equals_the_plain_loss(
    tiny_model: str, texts: list[Encoded], budget: int
) -> None:
    loss = AnswerLoss(attach_adapter(load_base(tiny_model, "float32"), TRAIN), "float32")
    with torch.no_grad():
        total = sum(float(loss(*pad(group))) for group in micro_batches(texts, budget))
    assert total == pytest.approx(reference(tiny_model, texts), rel=1e-5)


@pytest.mark.slow
def test_loss_on_the_real_model_equals_the_plain_loss(
    base_model: str, texts: list[Encoded]
) -> None:
    loss = AnswerLoss(attach_adapter(load_base(base_model, "float32"), TRAIN), "float32")
    with torch.no_grad():
        total = float(loss(*pad(texts[:2])))
    assert total == pytest.approx(reference(base_model, texts[:2]), rel=1e-4)


def test_gradients_with_checkpointing_are_those_without(
    tiny_model: str, texts: list[Encoded]
) -> None:
    found = []
    for checkpointing in (False, True):
        settings = TRAIN.model_copy(update={"gradient_checkpointing": checkpointing})
        model = attach_adapter(load_base(tiny_model, "float32"), settings).train()
        AnswerLoss(model, "float32")(*pad(texts)).backward()
        found.append([weight.grad for weight in adapter_weights(model).values()])
    assert all(torch.equal(plain, again) for plain, again in zip(*found, strict=True))
    assert any(plain.abs().max() > 0 for plain in found[0])


def test_loss_in_bfloat16_is_close(tiny_model: str, texts: list[Encoded]) -> None:
    loss = AnswerLoss(attach_adapter(load_base(tiny_model, "bfloat16"), TRAIN), "bfloat16")
    with torch.no_grad():
        total = float(loss(*pad(texts)))
    assert total == pytest.approx(reference(tiny_model, texts), rel=0.02)


def test_gradient_reaches_the_adapter_alone_and_adapter_stays_float32(
    tiny_model: str, texts: list[Encoded]
) -> None:
    model = attach_adapter(load_base(tiny_model, "bfloat16"), TRAIN)
    AnswerLoss(model, "bfloat16")(*pad(texts)).backward()
    weights = adapter_weights(model)
    assert len(weights) == 2 * 7 * 2
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (name in weights)
    assert {weight.dtype for weight in weights.values()} == {torch.float32}


def test_logits_outside_the_loss_are_complete_again(tiny_model: str, texts: list[Encoded]) -> None:
    model = attach_adapter(load_base(tiny_model, "float32"), TRAIN)
    ids_BT, labels_BT = pad(texts)
    AnswerLoss(model, "float32")(ids_BT, labels_BT)
    assert model(input_ids=ids_BT).logits.shape[:2] == ids_BT.shape


def test_adapter_starts_the_same_for_one_seed(tiny_model: str) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        settings = TRAIN.model_copy(update={"seed": seed})
        return list(
            adapter_weights(attach_adapter(load_base(tiny_model, "float32"), settings)).values()
        )

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))
