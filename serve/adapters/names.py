"""Model names -> exact adapter versions. Names are checked before they become keys, paths or entries."""

import math

from cluster.adapters import AdapterRegistry
from cluster.errors import NotFoundError, UsageError
from cluster.keys import safe_name
from cluster.records import AdapterRef
from serve.ttl import TtlCache

BASE = "base"
LONGEST = 129  # name@version, 64 characters each
_SHOWN = 80


class AdapterNames:
    """A moved alias is seen within `ttl_s`; streams in flight keep the version they began with."""

    def __init__(self, registry: AdapterRegistry, base_model: str, ttl_s: float) -> None:
        self._registry = registry
        self._base_names = (BASE, base_model)
        self._refs = TtlCache(ttl_s, registry.resolve)
        self._manifests = TtlCache(math.inf, registry.manifest)  # versions do not change

    async def resolve(self, model: str) -> str | None:
        """`name@version`; None for the base model; NotFoundError for anything unknown."""
        if model in self._base_names:
            return None
        try:
            check_name(model)
            return str(await self._refs.get(model))
        except UsageError as error:  # a name that cannot exist does not exist
            raise NotFoundError(f"model {shown(model)} does not exist: {error}") from None

    async def plain(self, adapter: str) -> bool:
        """Whether a `name@version` learned chats as they are sent; NotFoundError when it is gone."""
        return (await self._manifests.get(exact(adapter))).plain


def check_name(model: str) -> None:
    """UsageError for what is not `name`, `name@version` or `name@alias`."""
    if len(model) > LONGEST:
        raise UsageError(f"a model's name has at most {LONGEST} characters, this one {len(model)}")
    name, at, version = model.partition("@")
    safe_name("adapter", name)
    if at:
        safe_name("version or alias", version)


def exact(adapter: str) -> AdapterRef:
    """The reference that `name@version` spells; UsageError for anything else."""
    check_name(adapter)
    name, at, version = adapter.partition("@")
    if not at:
        raise UsageError(f"adapter {adapter!r} names no version; say name@version")
    return AdapterRef(name, version)


def shown(model: str) -> str:
    """A name that somebody sent, short enough for a message."""
    return repr(model if len(model) <= _SHOWN else f"{model[:_SHOWN]}…")
