"""`GET /v1/models`: the base model, and every adapter by name, version and alias."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cluster.adapters import LATEST, PROD, AdapterRegistry
from cluster.errors import NotFoundError
from cluster.records import AdapterManifest
from serve.adapters.names import BASE, shown
from serve.ttl import TtlCache

Card = dict[str, Any]


class Catalog:
    """Model cards of a registry, at most `ttl_s` old."""

    def __init__(self, registry: AdapterRegistry, base_model: str, ttl_s: float) -> None:
        self._registry = registry
        self._base_model = base_model
        self._cards = TtlCache(ttl_s, self._read)

    async def cards(self) -> list[Card]:
        """All cards; an adapter's bare name comes first and its `root` is what it means now."""
        return await self._cards.get("all")

    async def card(self, model: str) -> Card:
        """One card; NotFoundError lists what there is."""
        cards = await self.cards()
        for card in cards:
            if card["id"] == model:
                return card
        known = ", ".join(card["id"] for card in cards)
        raise NotFoundError(f"model {shown(model)} does not exist (known: {known})")

    def _read(self, _: str) -> list[Card]:
        cards = [_card(BASE, root=self._base_model, parent=None, created=0)]
        for name in self._registry.names():
            cards += _adapter_cards(
                name, self._registry.versions(name), self._registry.aliases(name)
            )
        return cards


def _adapter_cards(
    name: str, versions: list[AdapterManifest], aliases: dict[str, str]
) -> Iterator[Card]:
    created = {v.version: int(datetime.fromisoformat(v.created).timestamp()) for v in versions}
    served = aliases.get(PROD) or aliases.get(LATEST)
    if served is not None:
        yield _card(name, f"{name}@{served}", BASE, created.get(served, 0))
    for version in created:
        yield _card(f"{name}@{version}", f"{name}@{version}", BASE, created[version])
    for alias, version in sorted(aliases.items()):
        yield _card(f"{name}@{alias}", f"{name}@{version}", BASE, created.get(version, 0))


def _card(id: str, root: str, parent: str | None, created: int) -> Card:
    return {
        "id": id,
        "object": "model",
        "created": created,
        "owned_by": "openbook",
        "root": root,
        "parent": parent,
    }
