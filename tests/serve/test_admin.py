"""Administration of adapters: behind its own key, the same errors as everywhere."""

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from cluster.settings import ServeSettings
from tests.serve.house import House, chat_body, error_of
from tests.serve.published import publish

KEY = "a key of sixteen"
AUTH = {"authorization": f"Bearer {KEY}"}


@pytest.fixture
def admin(house: House) -> House:
    house.settings = ServeSettings(admin_key=SecretStr(KEY))
    return house


def order(house: House, *orders: tuple[str, str]) -> list[httpx.Response]:
    """Orders to one server, then the list of what it holds."""

    async def test(client: httpx.AsyncClient) -> list[httpx.Response]:
        done = [
            await client.post(f"/admin/adapters/{verb}", json={"model": model}, headers=AUTH)
            for verb, model in orders
        ]
        return [*done, await client.get("/admin/adapters", headers=AUTH)]

    responses: list[httpx.Response] = house.run(test)
    return responses


def outcomes(response: httpx.Response) -> list[Any]:
    return [replica["outcome"] for replica in response.json()["replicas"]]


def test_admin_without_a_key_in_the_settings_does_not_exist(house: House) -> None:
    assert error_of(house.get("/admin/adapters", **AUTH), 404)["code"] == "unknown_url"
    for verb in ("preload", "evict"):
        error_of(house.post(f"/admin/adapters/{verb}", {"model": "manual"}, **AUTH), 404)


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x"])
def test_admin_wrong_key_is_401_and_changes_nothing(admin: House, given: str) -> None:
    headers = {"authorization": given}
    error = error_of(admin.get("/admin/adapters", **headers), 401)
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
    for verb in ("preload", "evict"):
        error_of(admin.post(f"/admin/adapters/{verb}", {"model": "manual"}, **headers), 401)
    assert admin.engine.loads == []


def test_admin_preload_list_evict(admin: House) -> None:
    loaded, again, evicted, gone, listed = order(
        admin, ("preload", "manual"), ("preload", "manual@v2"), ("evict", "manual@prod"),
        ("evict", "manual@v1"),
    )  # fmt: skip
    assert loaded.json()["adapter"] == "manual@v1"
    assert [outcomes(r) for r in (loaded, again, evicted, gone)] == [
        ["loaded"], ["loaded"], ["evicted"], ["not loaded"],
    ]  # fmt: skip
    assert admin.engine.loads == ["manual@v1", "manual@v2"]
    assert listed.json()["replicas"] == [
        {"replica": "only", "adapters": [{"id": "manual@v2", "in_use": 0}]}
    ]


def test_admin_evict_of_an_adapter_in_use_is_409(admin: House) -> None:
    async def test(client: httpx.AsyncClient) -> httpx.Response:
        admin.engine.gate.clear()
        body = chat_body(model="manual")
        asked = asyncio.create_task(client.post("/v1/chat/completions", json=body))
        while not admin.engine.running:
            await asyncio.sleep(0.001)
        held = (await client.get("/admin/adapters", headers=AUTH)).json()
        assert held["replicas"][0]["adapters"] == [{"id": "manual@v1", "in_use": 1}]
        url = "/admin/adapters/evict"
        response = await client.post(url, json={"model": "manual"}, headers=AUTH)
        admin.engine.gate.set()
        assert (await asked).status_code == 200
        return response

    assert "used by 1" in error_of(admin.run(test), 409)["message"]


@pytest.mark.parametrize("verb", ["preload", "evict"])
def test_admin_errors_are_those_of_requests(admin: House, verb: str) -> None:
    path = f"/admin/adapters/{verb}"
    publish(admin.registry, admin.folder / "v3", "manual", "v3", base_model="other")
    error_of(admin.post(path, {"model": "nobody"}, **AUTH), 404)
    error_of(admin.post(path, {"model": "base"}, **AUTH), 400)
    error_of(admin.post(path, {"model": "manual", "replicas": 2}, **AUTH), 400)
    error_of(admin.post(path, {"model": "a@../../b"}, **AUTH), 404 if verb == "preload" else 400)
    response = admin.post(path, {"model": "manual@v3"}, **AUTH)
    if verb == "preload":
        assert "base model 'other'" in error_of(response, 409)["message"]
    else:
        assert outcomes(response) == ["not loaded"]
