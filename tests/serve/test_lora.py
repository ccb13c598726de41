"""A packed step of many adapters gives each token the logits that peft gives its request alone.

And an adapter of which anything would be left out is refused.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from cluster.errors import ConflictError
from serve.engine.packed_model import ModelConfig, PackedModel
from serve.engine.runner import StepRunner
from serve.engine.task import Part, Step, Task
from tests.serve.tiny import LINEARS, save_adapter

ADAPTERS: dict[str, dict[str, Any]] = {
    "all": {"rank": 4, "targets": LINEARS},
    "two": {"rank": 16, "targets": ["q_proj", "v_proj"]},
    "rslora": {"rank": 9, "targets": ["down_proj", "gate_proj"], "use_rslora": True},
    "patterns": {
        "rank": 8,
        "targets": LINEARS,
        "rank_pattern": {"q_proj": 2, "layers.1.mlp.up_proj": 12},
        "alpha_pattern": {"v_proj": 3},
    },
    "one_layer": {"rank": 4, "targets": LINEARS, "layers_to_transform": [1]},
    "pattern": {"rank": 4, "targets": r".*layers\.[02]\.self_attn\.(k|o)_proj"},
}
# counts of tokens computed in one step, after how many earlier ones
SHAPES = [(1, 20), (1, 3), (1, 40), (7, 0), (5, 9), (40, 0), (33, 11), (1, 0)]


@pytest.fixture(scope="module")
def folders(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("lora")
    return {
        name: save_adapter(tiny_model, root / name, seed=seed, **config)
        for seed, (name, config) in enumerate(ADAPTERS.items())
    }


def make_runner(path: str, dtype: str = "float32", hot_ranks: int = 128) -> StepRunner:
    return StepRunner(PackedModel(ModelConfig(path, dtype, "cpu", 1, hot_ranks)), 10, 64)


def load(runner: StepRunner, name: str, folder: Path) -> None:
    runner.model.bank.add(name, runner.model.read_adapter(name, folder))


def step_logits(runner: StepRunner, adapters: list[str | None]) -> dict[Task, torch.Tensor]:
    """Compute what the shapes say was computed before, each alone, then one mixed step."""
    generator = torch.Generator().manual_seed(3)
    parts = []
    for slot, (count, past) in enumerate(SHAPES):
        ids = torch.randint(0, 40000, (past + count,), generator=generator).tolist()
        task = Task(adapters[slot % len(adapters)], ids, slot=slot)
        if past:
            runner.forward(Step((Part(task, 0, past),)))
        task.computed = past
        parts.append(Part(task, past, count))
    tasks, logits = runner.forward(Step(tuple(parts)))
    return dict(zip(tasks, logits, strict=True))


def reference(path: str, folder: Path | None) -> Any:
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    return model if folder is None else PeftModel.from_pretrained(model, str(folder))


@pytest.mark.parametrize("hot_ranks", [8, 24, 128])
@pytest.mark.parametrize("shift", range(3))
def test_step_of_many_adapters_has_the_logits_of_each_alone(
    tiny_model: str, folders: dict[str, Path], hot_ranks: int, shift: int
) -> None:
    runner = make_runner(tiny_model, hot_ranks=hot_ranks)
    for name, folder in folders.items():
        load(runner, name, folder)
    names = [None, *folders]
    found = step_logits(runner, names[shift * 2 :] + names[: shift * 2])
    assert len(found) == len(SHAPES)
    for adapter in {task.adapter for task in found}:
        model = reference(tiny_model, folders.get(adapter or ""))
        for task in [task for task in found if task.adapter == adapter]:
            with torch.inference_mode():
                expected = model(torch.tensor([task.ids])).logits[0, -1]
            torch.testing.assert_close(found[task], expected, rtol=1e-4, atol=1e-4 * expected.std())


def test_step_after_adapters_changed_places_has_the_same_logits(
    tiny_model: str, folders: dict[str, Path]
) -> None:
    runner = make_runner(tiny_model, hot_ranks=24)
    for name, folder in folders.items():
        load(runner, name, folder)
    before = list(step_logits(runner, ["all", "two", None]).values())
    step_logits(runner, ["patterns", "rslora"])
    runner.model.bank.remove("patterns")
    after = list(step_logits(runner, ["all", "two", None]).values())
    for first, second in zip(before, after, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-4)


def test_step_in_bfloat16_is_as_near_to_float32_as_peft_is_in_bfloat16(
    tiny_model: str, folders: dict[str, Path]
) -> None:
    runner, folder = make_runner(tiny_model, "bfloat16"), folders["all"]
    load(runner, "all", folder)
    half, full = reference(tiny_model, folder).bfloat16(), reference(tiny_model, folder)
    ours, theirs = [], []
    with torch.inference_mode():
        for task, logits in step_logits(runner, ["all"]).items():
            ids = torch.tensor([task.ids])
            exact = full(ids).logits[0, -1]
            ours.append(float((logits.float() - exact).std() / exact.std()))
            theirs.append(float((half(ids).logits[0, -1].float() - exact).std() / exact.std()))
    assert sum(ours) <= 1.25 * sum(theirs)


def refused(path: str, folder: Path) -> str:
    with pytest.raises(ConflictError) as raised:
        make_runner(path).model.read_adapter("bad@1", folder)
    return str(raised.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"targets": ["q_proj", "embed_tokens"]}, "embed_tokens"),
        ({"targets": ["q_proj", "lm_head"]}, "lm_head"),
    ],
)
def test_adapter_with_what_is_not_served_is_refused_by_name(
    tiny_model: str, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    values = {"rank": 2, "targets": ["q_proj"], "seed": 1, **changes}
    assert reason in refused(tiny_model, save_adapter(tiny_model, tmp_path / "bad", **values))


@pytest.mark.parametrize("change", ["missing", "unexpected", "shapes", "finite"])
def test_adapter_whose_tensors_do_not_match_is_refused(
    tiny_model: str, tmp_path: Path, change: str
) -> None:
    folder = save_adapter(tiny_model, tmp_path / "bad", 2, ["q_proj"], seed=1)
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    name = next(iter(tensors))
    if change == "missing":
        del tensors[name]
    elif change == "unexpected":
        tensors[name.replace("q_proj", "k_proj")] = tensors[name].clone()
    elif change == "shapes":
        tensors[name] = torch.zeros(3, 3)
    else:
        tensors[name] = torch.full_like(tensors[name], torch.inf)
    save_file(tensors, file, {"format": "pt"})
    assert change in refused(tiny_model, folder)
