"""Whatever is sent, no 500: bodies from the app's own OpenAPI schema, and broken ones."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from cluster.settings import ServeSettings
from serve.gateway import Parts, build_gateway
from tests.serve.house import House
from tests.serve.openapi_bodies import broken, damaged, encoded, values

ROUTES = [
    "/v1/chat/completions", "/v1/embeddings", "/v1/retrieve", "/admin/adapters/preload",
    "/admin/adapters/evict",
]  # fmt: skip
KEY = "sixteen letters!"
OFTEN = settings(
    max_examples=75,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
HEADERS = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}


def schema() -> dict[str, Any]:
    none: Any = None
    server = ServeSettings(admin_key=SecretStr(KEY))
    parts = Parts(none, none, none, none, none, none, "mini", server)
    return build_gateway(parts, echo_request_id=True).openapi()


WHOLE = schema()


def bodies(path: str) -> st.SearchStrategy[Any]:
    content = WHOLE["paths"][path]["post"]["requestBody"]["content"]
    return values(content["application/json"]["schema"], WHOLE)


class Server:
    """One app and one event loop for all examples."""

    def __init__(self, house: House, runner: asyncio.Runner) -> None:
        self.app = house.app()
        self.runner = runner

    def send(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        async def main() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                # as it is: a client would take what follows "//" for a host
                url = client.base_url.copy_with(raw_path=path.encode())
                sent = client.request(method, url, content=content, headers={**HEADERS, **headers})
                return await asyncio.wait_for(sent, 20)

        return self.runner.run(main())


@pytest.fixture
def server(house: House) -> Iterator[Server]:
    house.settings = ServeSettings(corpus="lamps", admin_key=SecretStr(KEY))
    with asyncio.Runner() as runner:
        yield Server(house, runner)


def check(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    if response.headers["content-type"].startswith("text/event-stream"):
        assert response.text.endswith("data: [DONE]\n\n"), response.text
        return
    told = response.json()
    if response.status_code >= 400:
        assert set(told) == {"error"}
        assert set(told["error"]) == {"message", "type", "param", "code"}
        assert isinstance(told["error"]["message"], str)
        assert len(response.content) < 10_000, "an error repeats what was sent"
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("path", ROUTES)
@given(data=st.data())
@OFTEN
def test_body_of_the_schema_is_answered(server: Server, path: str, data: st.DataObject) -> None:
    check(server.send("POST", path, encoded(data.draw(bodies(path)))))


@pytest.mark.parametrize("path", ROUTES)
@given(data=st.data())
@OFTEN
def test_body_with_wrong_values_is_answered(server: Server, path: str, data: st.DataObject) -> None:
    check(server.send("POST", path, encoded(data.draw(broken(bodies(path))))))


@pytest.mark.parametrize("path", ROUTES)
@given(data=st.data())
@OFTEN
def test_body_of_damaged_bytes_is_answered(server: Server, path: str, data: st.DataObject) -> None:
    check(server.send("POST", path, data.draw(damaged(bodies(path)))))


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]),
    path=st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=40
    ),
    timeout=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9)
    | st.floats().map(str),
    id=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200),
)
@example(method="GET", path="/::", timeout="", id="")
@OFTEN
def test_path_and_headers_of_any_kind_are_answered(
    server: Server, method: str, path: str, timeout: str, id: str
) -> None:
    for start in ("/", "/v1/", "/v1/models/", "/admin/"):
        headers = {"x-request-timeout-seconds": timeout, "x-request-id": id}
        response = server.send(method, start + path, b"", **headers)
        if method != "OPTIONS" or response.status_code != 200:
            check(response)
