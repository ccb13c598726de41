"""Which adapter a name means: promotions are seen, streams keep theirs, hostile names are just unknown."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.adapters import AdapterRegistry
from cluster.errors import NotFoundError
from cluster.objects import LocalStore
from cluster.prompts import SYSTEM_OPEN_BOOK
from serve.adapters.names import AdapterNames
from tests.serve.house import House, chat_body
from tests.serve.published import BASE_MODEL, publish

HOSTILE = [
    "zzz", "a@v9", "../../a", "A B", "", "a/b@c", "../x", "a@../../b", "a@", "@v1", "a@v1@v1",
    "a\x00", "a\n@v1", "a@\x1b[31m", "x" * 10_000, "a@" + "v" * 10_000, "ａ", "a@prod/../v1",
]  # fmt: skip


@pytest.fixture
def registry(store: LocalStore, tmp_path: Path) -> AdapterRegistry:
    registry = AdapterRegistry(store)
    publish(registry, tmp_path / "v1", "a", "v1")
    publish(registry, tmp_path / "v2", "a", "v2", created="2026-03-01T00:00:00+00:00")
    registry.promote("a", "v1")
    return registry


class CountingStore(LocalStore):
    reads = lists = 0

    def get(self, key: str) -> bytes:
        self.reads += 1
        return super().get(key)

    def list(self, prefix: str) -> Iterator[str]:
        self.lists += 1
        return super().list(prefix)


def test_names_promotion_is_seen(registry: AdapterRegistry) -> None:
    async def main() -> None:
        names = AdapterNames(registry, BASE_MODEL, ttl_s=0.0)
        assert await names.resolve("base") is None
        assert await names.resolve(BASE_MODEL) is None
        assert await names.resolve("a") == "a@v1"
        registry.promote("a", "v2")
        assert await names.resolve("a") == "a@v2"
        assert await names.resolve("a@v1") == "a@v1"

    asyncio.run(main())


def test_adapter_of_plain_chats_gets_the_chat_as_it_was_sent(house: House, tmp_path: Path) -> None:
    publish(house.registry, tmp_path / "tone", "tone", "v1", mode="instruct", prompt_hash="")
    chat = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "How long?"},
    ]
    assert house.chat(model="tone", messages=chat).status_code == 200
    assert list(house.engine.requests[-1].messages) == chat


def test_adapter_of_plain_chats_reads_documents_in_our_prompt(house: House, tmp_path: Path) -> None:
    publish(house.registry, tmp_path / "tone", "tone", "v1", mode="instruct", prompt_hash="")
    body = house.chat(model="tone", rag={"corpus": "lamps"}).json()
    assert body["rag"]["status"] == "used"
    system, user = house.engine.requests[-1].messages
    assert system["content"] == SYSTEM_OPEN_BOOK
    assert user["content"].endswith("Question: How long?")


@pytest.mark.parametrize("model", HOSTILE)
def test_names_that_mean_nothing_are_unknown(registry: AdapterRegistry, model: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        asyncio.run(AdapterNames(registry, BASE_MODEL, ttl_s=60.0).resolve(model))
    assert len(str(caught.value)) < 500


@given(st.tuples(st.text(max_size=99), st.sampled_from("/\\ \0A:"), st.text(max_size=99)))
def test_names_that_cannot_exist_are_never_looked_up(parts: tuple[str, ...]) -> None:
    store = CountingStore(Path("/nowhere"))
    names = AdapterNames(AdapterRegistry(store), BASE_MODEL, ttl_s=60.0)
    with pytest.raises(NotFoundError):
        asyncio.run(names.resolve("".join(parts)))
    assert store.reads == store.lists == 0


def test_promotion_while_a_stream_runs_leaves_it_on_its_version(house: House) -> None:
    """The stream of before ends whole on v1; the next request is served by v2."""

    async def test(client: httpx.AsyncClient) -> tuple[Any, Any]:
        house.engine.gate.clear()
        url = "/v1/chat/completions"
        old = asyncio.create_task(client.post(url, json=chat_body(model="manual", stream=True)))
        while not house.engine.running:
            await asyncio.sleep(0.001)
        house.registry.promote("manual", "v2")
        new = asyncio.create_task(client.post(url, json=chat_body(model="manual")))
        while house.engine.running < 2:
            await asyncio.sleep(0.001)
        house.engine.gate.set()
        return await old, await new

    old, new = house.run(test)
    assert '"model": "manual@v1"' in old.text
    assert "manual@v2" not in old.text
    assert old.text.endswith("data: [DONE]\n\n")
    assert new.json()["model"] == "manual@v2"
    assert [request.adapter for request in house.engine.requests] == ["manual@v1", "manual@v2"]
    assert house.engine.running == 0
