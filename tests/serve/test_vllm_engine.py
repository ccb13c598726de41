"""vLLM behind our protocol keeps the contract of every engine, and says so when its process is gone.

A start of vLLM takes half a minute on a CPU, so one engine serves the whole contract, in an event
loop of its own. `make test-vllm` runs this file alone, without `conftest.py` and what that needs.
"""

import asyncio
import importlib.util
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cluster.errors import ConflictError, SettingsError, UnavailableError
from cluster.models import base_tokenizer
from cluster.settings import EngineSettings, ModelSettings, ServeSettings, Settings
from serve.engine.choose import engine_kind, open_engine
from serve.engine.protocol import Engine
from tests.serve.engine_contract import (
    CONTEXT_TOKENS,
    CONTRACT,
    MAX_RANK,
    Subject,
    collect,
    request,
)
from tests.serve.tiny import LINEARS, save_adapter, save_tiny_model

HAS_VLLM = importlib.util.find_spec("vllm") is not None
NEEDS_VLLM = pytest.mark.skipif(not HAS_VLLM, reason="vLLM is not installed: make test-vllm")
MARKS = (pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(300), NEEDS_VLLM)


def on_vllm(test: Callable[..., None]) -> Callable[..., None]:
    for mark in MARKS:
        test = mark(test)
    return test


def make_settings(kind: str, model: str = "", gpus: float = 0.0) -> Settings:
    engine = EngineSettings(
        kind=kind, max_batch=3, context_tokens=CONTEXT_TOKENS, max_rank=MAX_RANK, threads=1
    )
    serve = ServeSettings(engine=engine)
    serve = serve.model_copy(
        update={"generator": serve.generator.model_copy(update={"num_gpus": gpus})}
    )
    return Settings(models=ModelSettings(base=model, dtype="float32"), serve=serve)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model with heads as wide as vLLM needs them on a CPU, adapters, and bad adapters."""
    home = tmp_path_factory.mktemp("vllm")
    tokenizer = base_tokenizer(Settings(home=home))
    model = save_tiny_model(tokenizer, home / "model", head_dim=32)
    other = save_tiny_model(tokenizer, home / "other", head_dim=16)
    return {
        "model": Path(model),
        "alpha": save_adapter(model, home / "alpha", 4, LINEARS, seed=1),
        "beta": save_adapter(model, home / "beta", 16, ["q_proj", "v_proj"], seed=2),
        "foreign": save_adapter(other, home / "foreign", 4, ["q_proj"], seed=3),
        "wide": save_adapter(model, home / "wide", 2 * MAX_RANK, ["q_proj"], seed=4),
    }


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def subject(folders: dict[str, Path], loop: asyncio.Runner) -> Iterator[Subject]:
    engine = open_engine(make_settings("vllm", str(folders["model"])))
    loop.run(engine.start())
    adapters = {"alpha@v1.0": folders["alpha"], "beta@v1.0": folders["beta"]}
    yield Subject(engine, str(folders["model"]), adapters, folders["foreign"])
    loop.run(engine.close())


@on_vllm
@pytest.mark.parametrize("keeps", CONTRACT, ids=lambda keeps: keeps.__name__)
def test_vllm_engine_keeps_the_contract(
    keeps: Callable[[Subject], Awaitable[None]], subject: Subject, loop: asyncio.Runner
) -> None:
    loop.run(keeps(subject))


@on_vllm
def test_vllm_engine_adapter_above_the_rank_limit_is_refused_with_the_limit(
    subject: Subject, folders: dict[str, Path], loop: asyncio.Runner
) -> None:
    with pytest.raises(ConflictError, match=r"rank 32.* up to 16.*max_rank"):
        loop.run(subject.engine.load_adapter("wide@1", folders["wide"]))


@on_vllm
def test_vllm_engine_more_adapters_than_fit_a_batch_all_answer(
    subject: Subject, loop: asyncio.Runner
) -> None:
    """Three to a batch, nine kept in memory; what was forgotten is read again."""
    engine = subject.engine

    async def ask_all() -> None:
        folders = list(subject.adapters.values())
        names = [f"many{i}@1" for i in range(11)]
        for i, name in enumerate(names):
            await engine.load_adapter(name, folders[i % 2])
        answers = await asyncio.gather(*(collect(engine, request(1, name)) for name in names))
        assert len({tuple(answer.ids) for answer in answers[::2]}) == 1
        assert len({tuple(answer.ids) for answer in answers[1::2]}) == 1
        assert answers[0].ids != answers[1].ids
        for name in names:
            await engine.unload_adapter(name)

    loop.run(ask_all())


async def started(settings: Settings) -> tuple[Engine, list[psutil.Process]]:
    """A started engine and the processes that vLLM made for it; Python's own stay with us."""
    before = set(psutil.Process().children(recursive=True))
    engine = open_engine(settings)
    await engine.start()
    new = set(psutil.Process().children(recursive=True)) - before
    made = [process for process in new if process.name().startswith("VLLM")]
    assert made
    return engine, made


@on_vllm
def test_vllm_engine_whose_process_died_says_so(folders: dict[str, Path]) -> None:
    async def die() -> None:
        engine, processes = await started(make_settings("vllm", str(folders["model"])))
        running = asyncio.create_task(collect(engine, request(0, None, max_tokens=200)))
        async for _ in engine.generate(request(1, None)):
            pass  # so the other runs too
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(UnavailableError, match="failed"):
            await running
        with pytest.raises(UnavailableError):
            await collect(engine, request(0, None))
        with pytest.raises(UnavailableError):
            await engine.load_adapter("alpha@v1.0", folders["alpha"])
        with pytest.raises(UnavailableError):
            await engine.check()
        assert (engine.stats().failed, engine.stats().running) == (2, 0)
        await engine.close()

    asyncio.run(die())


@on_vllm
def test_vllm_engine_closing_fails_what_runs_and_ends_its_processes(
    folders: dict[str, Path],
) -> None:
    async def close() -> None:
        engine, processes = await started(make_settings("vllm", str(folders["model"])))
        asked = request(0, None, max_tokens=200)
        running = [
            asyncio.create_task(collect(engine, replace(asked, request_id=f"{number}")))
            for number in range(5)
        ]
        async for _ in engine.generate(request(1, None)):
            pass
        late = asyncio.create_task(collect(engine, asked))
        await asyncio.sleep(0)
        await engine.close()
        for task in [*running, late]:
            with pytest.raises(UnavailableError, match="closing"):
                await task
        assert not psutil.wait_procs(processes, timeout=60)[1]

    asyncio.run(close())


def test_engine_auto_without_a_gpu_is_the_builtin_one() -> None:
    assert engine_kind(make_settings("auto")) == "builtin"
    assert engine_kind(make_settings("builtin", gpus=1.0)) == "builtin"


@pytest.mark.skipif(HAS_VLLM, reason="vLLM is installed")
def test_engine_vllm_where_it_is_not_installed_names_the_extra() -> None:
    with pytest.raises(SettingsError, match=r"openbook\[vllm\]"):
        open_engine(make_settings("vllm"))
    assert engine_kind(make_settings("auto", gpus=1.0)) == "builtin"
