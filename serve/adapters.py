"""Which adapter a name means, and the adapters that an engine holds.

Ray Serve's own multiplexing evicts adapters in use and evicts before it loads (ray.md 1.2), so the
cache is ours: leases are counted per request, a version is loaded once however many wait for it,
and nothing is evicted before the new one is downloaded, checked and loaded.
"""

import asyncio
import json
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.adapters import AdapterRegistry
from cluster.errors import ConflictError, NotFoundError, UsageError
from cluster.records import AdapterManifest, AdapterRef
from serve.engine.protocol import Engine
from serve.ttl import TtlCache

BASE = "base"


class AdapterNames:
    """Model names -> exact adapter versions; a moved alias is seen within `ttl_s`."""

    def __init__(self, registry: AdapterRegistry, base_model: str, ttl_s: float) -> None:
        self._registry = registry
        self._base_names = (BASE, base_model)
        self._refs = TtlCache(ttl_s, self._resolve)

    async def resolve(self, model: str) -> str | None:
        """`name@version`; None for the base model; NotFoundError for anything unknown."""
        return None if model in self._base_names else str(await self._refs.get(model))

    def _resolve(self, model: str) -> AdapterRef:
        try:
            return self._registry.resolve(model)
        except UsageError as error:  # a name that cannot exist does not exist
            raise NotFoundError(f"model {model!r} does not exist: {error}") from error


@dataclass(frozen=True, slots=True)
class Fit:
    """What an adapter must have been made for to be served here."""

    base_model: str
    prompt_hash: str


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """`max_adapters` in the engine; a refused adapter is not tried again for `retry_s`."""

    max_adapters: int
    retry_s: float


class AdapterCache:
    """Loads adapters into an engine on demand and forgets those least recently used."""

    def __init__(
        self,
        engine: Engine,
        registry: AdapterRegistry,
        folder: Path,
        fit: Fit,
        limits: CacheLimits,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._folder = folder
        self._fit = fit
        self._max_adapters = limits.max_adapters
        self._files = TtlCache(limits.retry_s, self._fetch)
        self._loaded: OrderedDict[str, None] = OrderedDict()  # least recently used first
        self._leases: Counter[str] = Counter()
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Lock()
        self._released = asyncio.Event()

    @asynccontextmanager
    async def lease(self, adapter: str) -> AsyncIterator[None]:
        """Hold `name@version` in the engine; NotFoundError, ConflictError when it cannot be."""
        self._leases[adapter] += 1
        try:
            await self._ensure(adapter)
            yield
        finally:
            self._leases[adapter] -= 1
            if not self._leases[adapter]:
                del self._leases[adapter]
            self._released.set()

    async def _ensure(self, adapter: str) -> None:
        if adapter in self._loaded:
            self._loaded.move_to_end(adapter)
            return
        task = self._loading.get(adapter)
        if task is None:
            task = self._loading[adapter] = asyncio.create_task(self._load(adapter))
            task.add_done_callback(lambda _: self._loading.pop(adapter, None))
        await asyncio.shield(task)  # a caller that hangs up does not stop the load for the others

    async def _load(self, adapter: str) -> None:
        path = await self._files.get(adapter)
        async with self._room:
            while len(self._loaded) >= self._max_adapters and not self._idle():
                self._released.clear()
                await self._released.wait()
            await self._engine.load_adapter(adapter, path)
            self._loaded[adapter] = None
            for idle in self._idle()[: max(0, len(self._loaded) - self._max_adapters)]:
                del self._loaded[idle]
                await self._engine.unload_adapter(idle)

    def _idle(self) -> list[str]:
        return [name for name in self._loaded if not self._leases[name]]

    def _fetch(self, adapter: str) -> Path:
        name, _, version = adapter.partition("@")
        ref = AdapterRef(name, version)
        manifest = self._registry.manifest(ref)
        self._check(manifest)
        path = self._registry.fetch(ref, self._folder)
        _check_rank(manifest, path)
        return path

    def _check(self, manifest: AdapterManifest) -> None:
        name = f"{manifest.name}@{manifest.version}"
        if manifest.base_model != self._fit.base_model:
            raise ConflictError(
                f"adapter {name!r} was trained for base model {manifest.base_model!r}, this server "
                f"runs {self._fit.base_model!r}; set models.base or train it for this model"
            )
        if manifest.prompt_hash != self._fit.prompt_hash:
            raise ConflictError(
                f"adapter {name!r} was trained under prompt contract {manifest.prompt_hash!r}, this "
                f"server renders {self._fit.prompt_hash!r}; train it again with this release"
            )


def _check_rank(manifest: AdapterManifest, path: Path) -> None:
    rank = json.loads((path / "adapter_config.json").read_text("utf-8")).get("r")
    if rank != manifest.rank:
        raise ConflictError(
            f"adapter '{manifest.name}@{manifest.version}' has rank {rank} in its files and "
            f"{manifest.rank} in its manifest; publish it again"
        )
