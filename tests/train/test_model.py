"""The loss is Hugging Face's own, computed on fewer logits; a new adapter changes nothing."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, MistralConfig, MistralForCausalLM

from cluster.errors import SettingsError
from tests.training_sets import TRAIN, examples
from train.attention import check_window
from train.batches import micro_batches, pack
from train.encoding import Encoded
from train.examples import Encoder
from train.model import AnswerLoss, Base, build_model, trained_weights


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
            ids, labels = torch.tensor([text.ids]), torch.tensor([text.labels])
            total += float(model(input_ids=ids, labels=labels).loss) * text.supervised
    return total


def test_no_text_of_a_row_sees_another(tiny_model: str, texts: list[Encoded]) -> None:
    model = build_model(Base(tiny_model, "float32"), TRAIN)
    row, lengths = pack(texts), [len(text.ids) for text in texts]
    with torch.no_grad():
        together = model(
            input_ids=row.ids_1T, position_ids=row.positions_1T, lengths=row.lengths
        ).logits[0]
        alone = [model(input_ids=torch.tensor([text.ids])).logits[0] for text in texts]
    for packed, single in zip(together.split(lengths), alone, strict=True):
        assert torch.allclose(packed, single, atol=1e-4)


def test_whole_texts_with_loss_learn_nothing_from_the_text_before(tiny_model: str) -> None:
    texts = [Encoded(ids, ids) for ids in ([5, 6, 7, 8], [9, 10, 11])]
    loss = AnswerLoss(build_model(Base(tiny_model, "float32"), TRAIN), "float32")
    with torch.no_grad():
        assert float(loss(pack(texts))) == pytest.approx(reference(tiny_model, texts), rel=1e-4)


def test_unpacked_texts_use_the_attention_of_the_model(
    tiny_model: str, texts: list[Encoded]
) -> None:
    plain = TRAIN.model_copy(update={"packing": False})
    losses = []
    for settings in (TRAIN, plain):
        model = build_model(Base(tiny_model, "float32"), settings)
        with torch.no_grad():
            losses.append(float(AnswerLoss(model, "float32")(pack(texts[:1]))))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_model_that_attends_in_another_way_is_to_be_trained_unpacked(
    tmp_path: Path, texts: list[Encoded]
) -> None:
    config = MistralConfig(
        vocab_size=49152, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=2, sliding_window=16,
    )  # fmt: skip
    MistralForCausalLM(config).save_pretrained(tmp_path)
    loss = AnswerLoss(build_model(Base(str(tmp_path), "float32"), TRAIN), "float32")
    with pytest.raises(SettingsError, match=r"a window of 16 tokens.*train\.packing=false"):
        loss(pack(texts))


@pytest.mark.parametrize(
    ("config", "fits"),
    [
        ({"sliding_window": 16}, False),
        ({"sliding_window": 64}, True),
        ({"sliding_window": 16, "use_sliding_window": False}, True),
        ({}, True),
    ],
)
def test_window_smaller_than_a_text_is_told_before_the_run(
    config: dict[str, Any], fits: bool
) -> None:
    with nullcontext() if fits else pytest.raises(SettingsError, match="lower it to 16"):
        check_window(SimpleNamespace(**config), max_tokens=64)


@pytest.mark.parametrize("budget", [1, 700, 10_000])
def test_loss_in_micro_batches_equals_the_plain_loss(
    tiny_model: str, texts: list[Encoded], budget: int
) -> None:
    loss = AnswerLoss(build_model(Base(tiny_model, "float32"), TRAIN), "float32")
    with torch.no_grad():
        total = sum(float(loss(pack(group))) for group in micro_batches(texts, budget))
    assert total == pytest.approx(reference(tiny_model, texts), rel=1e-5)


@pytest.mark.slow
def test_loss_on_the_real_model_equals_the_plain_loss(
    base_model: str, texts: list[Encoded]
) -> None:
    loss = AnswerLoss(build_model(Base(base_model, "float32"), TRAIN), "float32")
    with torch.no_grad():
        total = float(loss(pack(texts[:2])))
    assert total == pytest.approx(reference(base_model, texts[:2]), rel=1e-4)


def test_gradients_with_checkpointing_are_those_without(
    tiny_model: str, texts: list[Encoded]
) -> None:
    found = []
    for checkpointing in (False, True):
        settings = TRAIN.model_copy(update={"gradient_checkpointing": checkpointing})
        model = build_model(Base(tiny_model, "float32"), settings).train()
        AnswerLoss(model, "float32")(pack(texts)).backward()
        found.append([weight.grad for weight in trained_weights(model).values()])
    assert all(torch.equal(plain, again) for plain, again in zip(*found, strict=True))
    assert any(plain.abs().max() > 0 for plain in found[0])


def test_loss_in_bfloat16_is_close(tiny_model: str, texts: list[Encoded]) -> None:
    loss = AnswerLoss(build_model(Base(tiny_model, "bfloat16"), TRAIN), "bfloat16")
    with torch.no_grad():
        total = float(loss(pack(texts)))
    assert total == pytest.approx(reference(tiny_model, texts), rel=0.02)


def test_gradient_reaches_the_adapter_alone_and_adapter_stays_float32(
    tiny_model: str, texts: list[Encoded]
) -> None:
    model = build_model(Base(tiny_model, "bfloat16"), TRAIN)
    AnswerLoss(model, "bfloat16")(pack(texts)).backward()
    weights = trained_weights(model)
    assert len(weights) == 2 * 7 * 2
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (name in weights)
    assert {weight.dtype for weight in weights.values()} == {torch.float32}


def test_logits_outside_the_loss_are_complete_again(tiny_model: str, texts: list[Encoded]) -> None:
    model = build_model(Base(tiny_model, "float32"), TRAIN)
    row = pack(texts)
    AnswerLoss(model, "float32")(row)
    assert model(input_ids=row.ids_1T).logits.shape[:2] == row.ids_1T.shape


@pytest.mark.parametrize("method", ["dora", "full"])
def test_other_methods_start_from_the_base_and_train_float32(
    tiny_model: str, texts: list[Encoded], method: str
) -> None:
    settings = TRAIN.model_copy(update={"method": method})
    model = build_model(Base(tiny_model, "bfloat16"), settings)
    loss = AnswerLoss(model, "bfloat16")(pack(texts))
    loss.backward()
    assert float(loss) == pytest.approx(reference(tiny_model, texts), rel=0.02)
    weights = trained_weights(model)
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (name in weights)
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert any("magnitude" in name for name in weights) == (method == "dora")
    assert any("embed_tokens" in name for name in weights) == (method == "full")


def test_adapter_starts_the_same_for_one_seed(tiny_model: str) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        settings = TRAIN.model_copy(update={"seed": seed})
        return list(trained_weights(build_model(Base(tiny_model, "float32"), settings)).values())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


def test_last_layers_alone_are_adapted_with_the_gradients_of_all(
    tiny_model: str, texts: list[Encoded]
) -> None:
    def gradients(layers: int | None) -> dict[str, torch.Tensor]:
        settings = TRAIN.model_copy(update={"lora_layers": layers})
        model = build_model(Base(tiny_model, "float32"), settings)
        weights = trained_weights(model)
        start = torch.Generator().manual_seed(3)
        for name, weight in weights.items():
            if ".layers.1." in name:  # in the layer before, an untrained adapter changes nothing
                weight.data = torch.randn(weight.shape, generator=start) * 0.1
        AnswerLoss(model, "float32")(pack(texts)).backward()
        return {name: weight.grad for name, weight in weights.items() if weight.grad is not None}

    last, all_of_them = gradients(1), gradients(None)
    assert set(last) == {name for name in all_of_them if ".layers.1." in name}
    assert all(torch.allclose(last[name], all_of_them[name], rtol=1e-4) for name in last)


def test_more_layers_than_the_model_has_are_refused(tiny_model: str) -> None:
    settings = TRAIN.model_copy(update={"lora_layers": 3})
    with pytest.raises(SettingsError, match=r"train\.lora_layers=3 is more than the 2 layers"):
        build_model(Base(tiny_model, "float32"), settings)
