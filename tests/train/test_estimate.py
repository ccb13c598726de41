"""What a run takes is counted from model and set; one that will not fit says what to change."""

from dataclasses import replace
from typing import Any

import pytest

from cluster.errors import SettingsError
from cluster.settings import TrainSettings
from tests.training_sets import TRAIN, examples, packed_texts
from train.batches import Schedule
from train.estimate import Estimate, check_fits, estimate_run, model_shape
from train.examples import Encoder
from train.material import Material
from train.model import Base, build_model, trained_weights
from train.packed_texts import PackedTextEncoder

GIB = 1 << 30
SMALL = Estimate(GIB, GIB, GIB, tokens=9, skipped_share=0.0, seconds=60.0, available=8 * GIB)


def settings(**changes: Any) -> TrainSettings:
    return TRAIN.model_copy(update=changes)


@pytest.mark.parametrize("method", ["lora", "dora", "full"])
def test_shape_counts_what_is_trained_without_loading_it(tiny_model: str, method: str) -> None:
    base, chosen = Base(tiny_model, "float32"), settings(method=method)
    shape, model = model_shape(base, chosen), build_model(base, chosen)
    assert shape.trained == sum(weight.numel() for weight in trained_weights(model).values())
    assert shape.parameters == sum(weight.numel() for weight in model.parameters())


def test_estimate_counts_the_tokens_of_all_epochs(tiny_model: str, tokenizer: Any) -> None:
    chosen, base = settings(epochs=3), Base(tiny_model, "float32")
    encoder = Encoder(tokenizer, "raft", 512, seed=0)
    material = Material(Schedule(examples(9), 4, 3, 0), (), encoder, seed=1)
    found = estimate_run(model_shape(base, chosen), material, chosen, base, available=None)
    texts = [text for item in examples(9) for text in encoder.texts(item, 0)]
    assert found.tokens == 3 * sum(len(text.ids) for text in texts)
    assert found.skipped_share == 0.0
    assert found.seconds is not None
    assert found.as_json()["available_gib"] is None


def test_examples_of_several_texts_are_counted_whole(tiny_model: str, tokenizer: Any) -> None:
    chosen, base = settings(epochs=1), Base(tiny_model, "float32")
    rows, encoder = packed_texts(6), PackedTextEncoder(tokenizer, 512)
    found = estimate_run(
        model_shape(base, chosen),
        Material(Schedule(rows, 4, 1, 0), (), encoder, seed=1),
        chosen,
        base,
        None,
    )
    assert found.tokens == sum(len(t.ids) for row in rows for t in encoder.texts(row, 0))


def test_memory_grows_with_the_row_and_shrinks_with_checkpointing(
    tiny_model: str, tokenizer: Any
) -> None:
    base = Base(tiny_model, "float32")
    material = Material(
        Schedule(examples(4), 4, 1, 0), (), Encoder(tokenizer, "raft", 512, seed=0), seed=1
    )

    def activations(**changes: Any) -> int:
        chosen = settings(**changes)
        return estimate_run(model_shape(base, chosen), material, chosen, base, None).activations

    assert activations(micro_batch_tokens=4000) > 1.8 * activations(micro_batch_tokens=2000)
    assert activations(gradient_checkpointing=True) < activations()
    assert activations(lora_layers=1) < activations()
    assert activations(lora_layers=1, method="full") == activations(method="full")


def test_model_shared_out_needs_less_in_each_worker(tiny_model: str, tokenizer: Any) -> None:
    base = Base(tiny_model, "float32")
    encoder = Encoder(tokenizer, "raft", 512, seed=0)
    material = Material(Schedule(examples(4), 4, 1, 0), (), encoder, seed=1)

    def found(**changes: Any) -> Estimate:
        chosen = settings(**changes)
        return estimate_run(model_shape(base, chosen), material, chosen, base, None)

    assert found(method="full", num_workers=4).optimiser == found(method="full").optimiser // 4
    elastic = found(method="full", num_workers=4, min_workers=2)
    assert elastic.optimiser == found(method="full").optimiser // 2
    assert found(num_workers=4).optimiser == found().optimiser


@pytest.mark.parametrize(
    ("part", "chosen", "says"),
    [
        ("activations", settings(), r"lower train\.micro_batch_tokens=700.*gradient_checkpointing"),
        ("optimiser", settings(method="full"), r"train\.method=lora"),
        ("weights", settings(use_gpu=True), r"train\.method=qlora"),
        ("weights", settings(), r"a smaller models\.base"),
    ],
)
def test_run_that_does_not_fit_names_the_setting_to_change(
    part: str, chosen: TrainSettings, says: str
) -> None:
    with pytest.raises(SettingsError, match=rf"8\.0 GiB are free for it; .*{says}"):
        check_fits(replace(SMALL, **{part: 9 * GIB}), chosen)


def test_run_that_fits_or_whose_memory_is_unknown_passes() -> None:
    check_fits(SMALL, settings())
    check_fits(replace(SMALL, weights=99 * GIB, available=None), settings())
