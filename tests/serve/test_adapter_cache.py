"""Adapters while serving: loaded once, checked before anything is evicted, never evicted in use."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cluster.adapters import AdapterRegistry
from cluster.errors import ConflictError, NotFoundError, UnavailableError
from cluster.objects import LocalStore
from cluster.prompts import PROMPT_HASH
from serve.adapters.cache import AdapterCache
from serve.adapters.disk import Disk
from serve.adapters.files import AdapterFiles
from serve.adapters.fit import Fit
from serve.ttl import TtlCache
from tests.serve.fakes import ScriptedEngine
from tests.serve.published import BASE_MODEL, publish


@pytest.fixture
def registry(store: LocalStore, tmp_path: Path) -> AdapterRegistry:
    registry = AdapterRegistry(store)
    for name in ("a", "b", "c"):
        publish(registry, tmp_path / name, name, "v1")
    return registry


def run(
    registry: AdapterRegistry,
    folder: Path,
    test: Callable[[AdapterCache, ScriptedEngine], Awaitable[None]],
    retry_s: float = 60.0,
) -> None:
    async def main() -> None:
        engine = ScriptedEngine([])
        files = adapter_files(registry, folder, retry_s)
        await asyncio.wait_for(test(AdapterCache(engine, files, max_adapters=2), engine), 10)

    asyncio.run(main())


def adapter_files(registry: AdapterRegistry, folder: Path, retry_s: float = 60.0) -> AdapterFiles:
    disk, fit = Disk(folder / "cache", 1 << 20), Fit(BASE_MODEL, PROMPT_HASH, max_rank=64)
    return AdapterFiles(registry, disk, fit, retry_s)


async def use(cache: AdapterCache, *adapters: str) -> None:
    for adapter in adapters:
        async with cache.lease(adapter):
            pass


def test_cache_concurrent_leases_of_one_adapter_load_it_once(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    async def test(cache: AdapterCache, engine: ScriptedEngine) -> None:
        await asyncio.gather(*(use(cache, "a@v1") for _ in range(20)), use(cache, "b@v1"))
        assert sorted(engine.loads) == ["a@v1", "b@v1"]

    run(registry, tmp_path, test)


def test_cache_full_forgets_the_least_recently_used(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    async def test(cache: AdapterCache, engine: ScriptedEngine) -> None:
        await use(cache, "a@v1", "b@v1", "a@v1", "c@v1")
        assert engine.adapters() == ["a@v1", "c@v1"]

    run(registry, tmp_path, test)


def test_cache_full_of_adapters_in_use_waits_and_evicts_none_of_them(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    async def test(cache: AdapterCache, engine: ScriptedEngine) -> None:
        async with cache.lease("a@v1"):
            async with cache.lease("b@v1"):
                waiting = asyncio.create_task(use(cache, "c@v1"))
                done, _ = await asyncio.wait({waiting}, timeout=0.2)
                assert not done
                assert engine.adapters() == ["a@v1", "b@v1"]
            await waiting
            assert engine.adapters() == ["a@v1", "c@v1"]

    run(registry, tmp_path, test)


class GatedEngine(ScriptedEngine):
    """Loads wait for `may_load`, unloads for `may_unload`; what is in `used` is not unloaded."""

    def __init__(self) -> None:
        super().__init__([])
        self.may_load, self.may_unload = asyncio.Event(), asyncio.Event()
        self.may_load.set()
        self.used: set[str] = set()
        self.unloads: list[str] = []

    async def load_adapter(self, name: str, path: Path) -> None:
        await super().load_adapter(name, path)
        await self.may_load.wait()

    async def unload_adapter(self, name: str) -> None:
        if name in self.used:
            raise ConflictError(f"adapter {name!r} is in use")
        self.unloads.append(name)
        await super().unload_adapter(name)
        await self.may_unload.wait()


async def until(happened: Callable[[], bool]) -> None:
    while not happened():
        await asyncio.sleep(0.001)


def test_cache_adapter_that_is_asked_for_while_another_is_unloaded_stays(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    publish(registry, tmp_path / "d", "d", "v1")

    async def main() -> None:
        engine = GatedEngine()
        cache = AdapterCache(engine, adapter_files(registry, tmp_path), max_adapters=2)
        async with cache.lease("b@v1"), AsyncExitStack() as again:
            async with cache.lease("a@v1"):
                late = asyncio.create_task(use(cache, "c@v1"))
                await asyncio.wait({late}, timeout=0.05)
            engine.may_load.clear()
            await until(lambda: "c@v1" in engine.loads)
            await again.enter_async_context(cache.lease("a@v1"))  # just before its turn to go
            engine.may_load.set()
            await late
        assert engine.adapters() == ["a@v1", "b@v1", "c@v1"]
        asked = asyncio.create_task(use(cache, "d@v1"))  # two must go for it, one after the other
        await until(lambda: bool(engine.unloads))
        wanted = next(name for name in ("a@v1", "b@v1", "c@v1") if name in engine.loaded)
        async with AsyncExitStack() as others:
            for name in sorted(engine.loaded - {"d@v1"}):
                await others.enter_async_context(cache.lease(name))
                engine.used.add(name)
            engine.may_unload.set()
            await asked
            assert wanted in engine.loaded

    asyncio.run(asyncio.wait_for(main(), 10))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_model": "other"}, "base model 'other'"),
        ({"prompt_hash": "old"}, "prompt contract 'old'"),
        ({"rank": 5}, "rank 4 in its files and 5"),
    ],
)
def test_cache_incompatible_adapter_is_refused_and_evicts_nothing(
    registry: AdapterRegistry, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    async def test(cache: AdapterCache, engine: ScriptedEngine) -> None:
        publish(registry, tmp_path / "bad", "bad", "v1", **changes)
        await use(cache, "a@v1", "b@v1")
        for _ in range(2):
            with pytest.raises(ConflictError, match=message):
                await use(cache, "bad@v1")
        assert engine.adapters() == ["a@v1", "b@v1"]
        await use(cache, "a@v1", "b@v1")
        assert engine.loads == ["a@v1", "b@v1"]

    run(registry, tmp_path, test)


def test_cache_damaged_file_is_refused(
    registry: AdapterRegistry, store: LocalStore, tmp_path: Path
) -> None:
    async def test(cache: AdapterCache, engine: ScriptedEngine) -> None:
        store.put("adapters/a/v1/adapter_config.json", b'{"r": 4, "lora_alpha": 9}')
        with pytest.raises(ConflictError, match="sha256"):
            await use(cache, "a@v1")
        with pytest.raises(NotFoundError, match="nobody"):
            await use(cache, "nobody@v1")
        assert engine.loads == []

    run(registry, tmp_path, test)


def test_cache_caller_that_hangs_up_while_loading_harms_no_other(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    async def test(cache: AdapterCache, engine: ScriptedEngine) -> None:
        first = asyncio.create_task(use(cache, "a@v1"))
        second = asyncio.create_task(use(cache, "a@v1"))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert engine.loads == ["a@v1"]

    run(registry, tmp_path, test)


class GatedStore(LocalStore):
    """Holds downloads below a prefix until it is opened."""

    def __init__(self, root: Path, prefix: str) -> None:
        super().__init__(root)
        self.prefix = prefix
        self.opened = threading.Event()
        self.asked = threading.Event()

    def download(self, key: str, path: Path) -> None:
        if key.startswith(self.prefix):
            self.asked.set()
            assert self.opened.wait(10)
        super().download(key, path)


def test_cache_slow_download_does_not_hold_up_another_adapter(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    slow = GatedStore(tmp_path / "store", "adapters/a/")

    async def test(cache: AdapterCache, engine: ScriptedEngine) -> None:
        first = asyncio.create_task(use(cache, "a@v1"))
        await asyncio.to_thread(slow.asked.wait, 5)
        await use(cache, "b@v1")
        assert engine.loads == ["b@v1"]
        slow.opened.set()
        await first
        assert engine.loads == ["b@v1", "a@v1"]

    try:
        run(AdapterRegistry(slow), tmp_path, test)
    finally:
        slow.opened.set()


def test_cache_evict_forgets_an_idle_adapter_and_refuses_one_in_use(
    registry: AdapterRegistry, tmp_path: Path
) -> None:
    async def test(cache: AdapterCache, engine: ScriptedEngine) -> None:
        async with cache.lease("a@v1"):
            assert cache.in_use == {"a@v1": 1}
            with pytest.raises(ConflictError, match="used by 1"):
                await cache.evict("a@v1")
        assert cache.in_use == {"a@v1": 0}
        assert await cache.evict("a@v1")
        assert engine.adapters() == []
        assert not await cache.evict("a@v1")
        await use(cache, "a@v1")
        assert engine.loads == ["a@v1", "a@v1"]

    run(registry, tmp_path, test)


def test_ttl_cache_reads_again_only_after_its_time_and_outlives_its_source() -> None:
    now, calls = [0.0], []

    def load(key: str) -> str:
        calls.append(key)
        if key == "missing":
            raise NotFoundError(key)
        if len(calls) > 3:
            raise UnavailableError("store is down")
        return f"{key} {len(calls)}"

    async def main() -> None:
        cache = TtlCache(10.0, load, clock=lambda: now[0])
        assert await asyncio.gather(*(cache.get("k") for _ in range(5))) == ["k 1"] * 5
        for _ in range(3):
            with pytest.raises(NotFoundError):
                await cache.get("missing")
        assert calls == ["k", "missing"]
        now[0] = 11.0
        assert await cache.get("k") == "k 3"
        now[0] = 22.0
        assert await cache.get("k") == "k 3"  # the store is down: what was known is used on
        with pytest.raises(UnavailableError):
            await cache.get("other")

    asyncio.run(main())
