"""The built-in engine runs what uses transformers' attention interface; what does not, it refuses."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma2Config,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from cluster.errors import ConflictError, SettingsError
from serve.engine.builtin import BuiltinEngine
from serve.engine.protocol import Engine
from tests.serve.alone import Alone
from tests.serve.engines import Limits, collect, prompt, run, running
from tests.serve.tiny import LINEARS, save_adapter

SMALL = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,
    "eos_token_id": 2,
    "vocab_size": 49152,
}
CONFIGS = {
    "qwen2": Qwen2Config(**SMALL),
    "qwen3": Qwen3Config(**SMALL, head_dim=16),
    "mistral": MistralConfig(**SMALL, sliding_window=200, head_dim=12),
    "llama-without-groups": LlamaConfig(**{**SMALL, "num_key_value_heads": 4}),
    "gemma2": Gemma2Config(**SMALL, head_dim=12),
}


@pytest.fixture(params=["qwen2", "qwen3", "mistral", "llama-without-groups"])
def model(request: pytest.FixtureRequest, base_model: str, tmp_path: Path) -> str:
    return save(request.param, base_model, tmp_path / "model")


def save(name: str, base_model: str, folder: Path) -> str:
    torch.manual_seed(1)
    made: Any = AutoModelForCausalLM.from_config(CONFIGS[name])
    for parameter_name, parameter in made.named_parameters():
        if parameter_name.endswith("bias"):
            torch.nn.init.normal_(parameter)  # zero biases would hide that they are dropped
    made.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base_model).save_pretrained(folder)
    return str(folder)


def test_engine_other_architectures_give_what_generate_gives(model: str, tmp_path: Path) -> None:
    adapter = save_adapter(model, tmp_path / "adapter", 4, LINEARS, seed=5)
    alone = {None: Alone(model, None), "a@1": Alone(model, adapter)}
    asked = [
        prompt(list(range(3, 3 + length)), name, max_tokens=8)
        for length in (1, 30, 70)
        for name in alone
    ]

    async def ask(engine: Engine) -> None:
        await engine.load_adapter("a@1", adapter)
        results = await asyncio.gather(*(collect(engine, one) for one in asked))
        for one, (_, ids, _) in zip(asked, results, strict=True):
            assert ids == alone[one.adapter].ids(one)

    run(model, ask, Limits(max_batch=6, step_tokens=32))


def test_engine_context_is_what_the_model_sees_at_once(base_model: str, tmp_path: Path) -> None:
    async def look(engine: Engine) -> None:
        assert engine.context_tokens == 200

    run(save("mistral", base_model, tmp_path / "m"), look, Limits(context_tokens=4096))


def test_engine_model_that_attends_in_other_ways_is_refused(
    base_model: str, tmp_path: Path
) -> None:
    path = save("gemma2", base_model, tmp_path / "m")
    with pytest.raises(ConflictError, match="softcap"):
        asyncio.run(started(path, Limits()))


def test_engine_memory_that_is_not_there_is_refused_by_the_names_of_the_settings(
    base_model: str, tmp_path: Path
) -> None:
    config = AutoConfig.from_pretrained(save("qwen2", base_model, tmp_path / "m"))
    config.max_position_embeddings = 10**9
    config.save_pretrained(tmp_path / "m")
    with pytest.raises(SettingsError, match=r"max_batch.*prefix_slots.*context_tokens"):
        asyncio.run(started(str(tmp_path / "m"), Limits(context_tokens=10**9)))


async def started(path: str, limits: Limits) -> None:
    async with running(path, limits) as engine:
        assert isinstance(engine, BuiltinEngine)
