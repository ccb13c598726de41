"""What every engine promises of its adapters: loaded, used side by side, refused and unloaded cleanly."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from cluster.errors import ConflictError
from serve.engine.protocol import Engine
from tests.serve.alone import Alone
from tests.serve.engines import ENGINES, Limits, collect, prompt, request, run
from tests.serve.tiny import LINEARS, save_adapter

pytestmark = pytest.mark.parametrize("kind", sorted(ENGINES))


def test_engine_same_question_differs_by_adapter_and_base_is_untouched_after_unload(
    tiny_model: str, tiny_adapters: dict[str, Path], kind: str
) -> None:
    async def switch(engine: Engine) -> None:
        before = await collect(engine, request(1, None))
        for name, folder in tiny_adapters.items():
            await engine.load_adapter(name, folder)
            assert (await collect(engine, request(1, name)))[1] != before[1]
            assert await collect(engine, request(1, None)) == before
        assert engine.adapters() == ["alpha@v1.0", "beta@v1.0"]
        beta = await collect(engine, request(1, "beta@v1.0"))
        await engine.unload_adapter("alpha@v1.0")
        assert await collect(engine, request(1, "beta@v1.0")) == beta
        await engine.unload_adapter("beta@v1.0")
        assert await collect(engine, request(1, None)) == before
        await engine.load_adapter("beta@v1.0", tiny_adapters["beta@v1.0"])
        assert await collect(engine, request(1, "beta@v1.0")) == beta

    run(tiny_model, switch, kind=kind)


def test_engine_bad_adapter_is_refused_and_leaves_the_model_as_it_was(
    tiny_model: str, tiny_adapters: dict[str, Path], tmp_path: Path, base_model: str, kind: str
) -> None:
    async def bad(engine: Engine) -> None:
        before = await collect(engine, request(1, None))
        foreign = save_adapter(base_model, tmp_path / "foreign", 2, ["q_proj"], seed=3)
        with pytest.raises(ConflictError, match="foreign@1"):
            await engine.load_adapter("foreign@1", foreign)
        await engine.load_adapter("alpha@v1.0", tiny_adapters["alpha@v1.0"])
        alpha = await collect(engine, request(1, "alpha@v1.0"))
        with pytest.raises(ConflictError, match="foreign@1"):
            await engine.load_adapter("foreign@1", foreign)
        with pytest.raises(ConflictError, match="missing@1"):
            await engine.load_adapter("missing@1", tmp_path / "missing")
        assert await collect(engine, request(1, "alpha@v1.0")) == alpha
        assert await collect(engine, request(1, None)) == before
        assert engine.adapters() == ["alpha@v1.0"]

    run(tiny_model, bad, kind=kind)


def test_engine_adapter_in_use_is_not_unloaded(
    tiny_model: str, tiny_adapters: dict[str, Path], kind: str
) -> None:
    async def in_use(engine: Engine) -> None:
        await engine.load_adapter("alpha@v1.0", tiny_adapters["alpha@v1.0"])
        async with aclosing(engine.generate(request(0, "alpha@v1.0"))) as stream:
            await anext(stream)
            with pytest.raises(ConflictError, match="in use"):
                await engine.unload_adapter("alpha@v1.0")
        await engine.check()
        await engine.unload_adapter("alpha@v1.0")
        await engine.unload_adapter("alpha@v1.0")

    run(tiny_model, in_use, kind=kind)


def test_engine_many_adapters_of_one_batch_beyond_the_resident_ranks(
    tiny_model: str, tmp_path: Path, kind: str
) -> None:
    folders = {
        f"a{i}": save_adapter(tiny_model, tmp_path / str(i), 1 + 5 * i, LINEARS[i:], seed=i)
        for i in range(5)
    }
    asked = [prompt([7, 8, number], f"a{number % 5}") for number in range(10)]

    async def crowd(engine: Engine) -> None:
        for name, folder in folders.items():
            await engine.load_adapter(name, folder)
        results = await asyncio.gather(*(collect(engine, one) for one in asked))
        for one, (_, ids, _) in zip(asked, results, strict=True):
            assert ids == Alone(tiny_model, folders[one.adapter or ""]).ids(one)

    run(tiny_model, crowd, Limits(max_batch=10, hot_ranks=16), kind)
