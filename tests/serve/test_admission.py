"""A full server: who works, who waits, who is refused at once, and that nobody's place is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from cluster.errors import OverloadedError
from cluster.settings import AutoscaleSettings, ServeSettings
from serve.admission import Admission
from tests.serve.house import House, chat_body, error_of

SMALL = ServeSettings(gateway=AutoscaleSettings(max_ongoing_requests=2, max_queued_requests=1))


def run(test: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(asyncio.wait_for(test(), 10))  # type: ignore[arg-type]


async def turns(times: int = 3) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


def test_admission_waits_in_order_and_refuses_beyond() -> None:
    async def main() -> None:
        admission, order = Admission(1, 2), []

        async def visit(number: int) -> None:
            await admission.enter()
            order.append(number)

        await visit(0)
        tasks = [asyncio.create_task(visit(number)) for number in (1, 2)]
        await turns()
        assert (admission.running, admission.waiting) == (1, 2)
        with pytest.raises(OverloadedError):
            await admission.enter()
        for _ in range(3):
            admission.leave()
            await turns()
        await asyncio.gather(*tasks)
        assert (order, admission.running) == ([0, 1, 2], 0)

    run(main)


def test_admission_cancelled_in_any_moment_loses_no_place() -> None:
    async def main() -> None:
        admission, chance = Admission(2, -1), random.Random(5)

        async def visit() -> None:
            await admission.enter()
            try:
                await turns(chance.randrange(4))
            finally:
                admission.leave()

        for _ in range(50):
            tasks = [asyncio.create_task(visit()) for _ in range(20)]
            for task in chance.sample(tasks, 12):
                await turns(chance.randrange(3))
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert (admission.running, admission.waiting) == (0, 0)

    run(main)


def test_full_server_refuses_in_the_shape_of_openai_and_stays_reachable(house: House) -> None:
    house.settings = SMALL

    async def flood(client: httpx.AsyncClient) -> list[httpx.Response]:
        house.engine.gate.clear()
        url = "/v1/chat/completions"
        taken = [asyncio.create_task(client.post(url, json=chat_body())) for _ in range(3)]
        while house.engine.running < 2:
            await asyncio.sleep(0.001)
        refused = await client.post(url, json=chat_body())
        models = await client.get("/v1/models")
        assert (await client.get("/readyz")).status_code == 200
        assert house.engine.running == 2
        house.engine.gate.set()
        return [refused, models, *await asyncio.gather(*taken)]

    refused, models, *served = house.run(flood)
    for response in (refused, models):
        error = error_of(response, 429)
        assert (error["type"], error["code"]) == ("rate_limit_error", "overloaded")
        assert response.headers["retry-after"] == "1"
        assert response.headers["x-request-id"]
    assert [response.status_code for response in served] == [200] * 3


def test_full_server_waiting_counts_towards_the_deadline(house: House) -> None:
    house.settings = SMALL

    async def late(client: httpx.AsyncClient) -> httpx.Response:
        house.engine.gate.clear()
        url = "/v1/chat/completions"
        taken = [asyncio.create_task(client.post(url, json=chat_body())) for _ in range(2)]
        while house.engine.running < 2:
            await asyncio.sleep(0.001)
        headers = {"x-request-timeout-seconds": "0.05"}
        response = await client.post(url, json=chat_body(), headers=headers)
        house.engine.gate.set()
        await asyncio.gather(*taken)
        assert (await client.post(url, json=chat_body())).status_code == 200
        return response

    assert error_of(house.run(late), 408)["code"] == "timeout"
    assert len(house.engine.requests) == 3


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "embedder", "input": "x"}),
        ("/v1/retrieve", {"corpus": "lamps", "query": "x"}),
    ],
)
def test_deadline_holds_for_the_short_routes(house: House, path: str, body: Any) -> None:
    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    house.retriever.retrieve = house.retriever.embed = never  # type: ignore[method-assign]
    response = house.post(path, body, **{"x-request-timeout-seconds": "0.05"})
    assert error_of(response, 408)["code"] == "timeout"
    error_of(house.post(path, body, **{"x-request-timeout-seconds": "soon"}), 400)
