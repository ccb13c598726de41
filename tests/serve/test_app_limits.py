"""A real server at its limits, and its administration: Ray Serve, the openai SDK, several choices."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from cluster.objects import LocalStore
from tests.serve.live import ENDLESS, QUESTION, Server, at_work, publish_adapters, run_server
from tests.serve.tiny import save_quoting_model

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]

ADMIN_KEY = "only for the tests"
SMALL = {
    "ADMIN_KEY": ADMIN_KEY,
    "GATEWAY__MAX_REPLICAS": "1",
    "GATEWAY__MAX_ONGOING_REQUESTS": "24",
    "GATEWAY__MAX_QUEUED_REQUESTS": "8",
}


@pytest.fixture(scope="module")
def server(base_model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    model = save_quoting_model(base_model, home / "model", "Just wait.")
    publish_adapters(LocalStore(home / "store"), model, home)
    yield from run_server(home, model, SMALL)


def test_sdk_several_choices_are_sampled_apart(server: Server) -> None:
    reply = server.client().chat.completions.create(
        model="alpha", messages=QUESTION, max_tokens=12, temperature=2, seed=1, n=3
    )
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in reply.choices}) == 3
    assert reply.usage.completion_tokens == 36


def test_flood_gets_answers_or_refusals_that_a_client_understands(server: Server) -> None:
    """Far more at once than the gateway, and Serve behind it, will take."""

    async def flood() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:
            url, headers = f"{server.url}/v1/chat/completions", {"x-request-timeout-seconds": "4"}
            asked = [client.post(url, json=ENDLESS, headers=headers) for _ in range(300)]
            return list(await asyncio.gather(*asked))

    responses = asyncio.run(flood())
    statuses = {response.status_code for response in responses}
    assert statuses <= {200, 408, 429}
    refused = [response for response in responses if response.status_code == 429]
    assert len(refused) >= 200
    for response in refused:
        assert response.json()["error"]["code"] == "overloaded"
        assert int(response.headers["retry-after"]) >= 1
    assert_nothing_runs(server)


def assert_nothing_runs(server: Server) -> None:
    deadline = time.monotonic() + 10
    while at_work(server):
        assert time.monotonic() < deadline, "requests that nobody waits for still run"


def test_requests_given_up_as_they_begin_leave_nothing_behind(server: Server) -> None:
    """By their deadline and by hanging up, at every moment of the way to the generator."""
    moments = [0.01 + 0.11 * n / 300 for n in range(300)]
    url = f"{server.url}/v1/chat/completions"

    async def give_up() -> set[int]:
        few_at_once = asyncio.Semaphore(12)
        async with httpx.AsyncClient(timeout=60) as client:

            async def too_late(moment: float) -> int:
                headers = {"x-request-timeout-seconds": f"{moment:.4f}"}
                async with few_at_once:
                    return (await client.post(url, json=ENDLESS, headers=headers)).status_code

            async def hang_up(moment: float) -> None:
                async with few_at_once:
                    with suppress(httpx.ReadTimeout):
                        await client.post(url, json=ENDLESS, timeout=httpx.Timeout(60, read=moment))

            statuses = await asyncio.gather(*map(too_late, moments))
            await asyncio.gather(*map(hang_up, moments))
            return set(statuses)

    assert asyncio.run(give_up()) == {408}
    assert_nothing_runs(server)


def test_admin_preloads_and_evicts_in_the_replicas(server: Server) -> None:
    with httpx.Client(base_url=f"{server.url}/admin", timeout=60) as client:
        assert client.get("/adapters").status_code == 401
        client.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        for verb, outcome in (("preload", "loaded"), ("evict", "evicted"), ("evict", "not loaded")):
            done = client.post(f"/adapters/{verb}", json={"model": "beta"}).json()
            assert done["adapter"] == "beta@v1"
            assert {replica["outcome"] for replica in done["replicas"]} == {outcome}
            held = client.get("/adapters").json()["replicas"]
            assert len(held) == len(done["replicas"]) >= 1
            for replica in held:
                loaded = "beta@v1" in {adapter["id"] for adapter in replica["adapters"]}
                assert loaded == (outcome == "loaded")
        refused = client.post("/adapters/preload", json={"model": "foreign"})
        assert refused.status_code == 409
        assert "another model" in refused.json()["error"]["message"]
