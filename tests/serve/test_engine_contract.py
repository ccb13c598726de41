"""The built-in engine keeps the contract that every engine keeps; vLLM's turn is `make test-vllm`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.serve.engine_contract import CONTEXT_TOKENS, CONTRACT, Subject
from tests.serve.engines import Limits, builtin
from tests.serve.tiny import save_adapter


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def subject(
    tiny_model: str,
    tiny_adapters: dict[str, Path],
    base_model: str,
    loop: asyncio.Runner,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Subject]:
    foreign = save_adapter(base_model, tmp_path_factory.mktemp("foreign"), 2, ["q_proj"], seed=3)
    engine = builtin(tiny_model, Limits(context_tokens=CONTEXT_TOKENS))
    loop.run(engine.start())
    yield Subject(engine, tiny_model, tiny_adapters, foreign)
    loop.run(engine.close())


@pytest.mark.parametrize("keeps", CONTRACT, ids=lambda keeps: keeps.__name__)
def test_builtin_engine_keeps_the_contract(
    keeps: Callable[[Subject], Awaitable[None]], subject: Subject, loop: asyncio.Runner
) -> None:
    loop.run(keeps(subject))
