"""Chat over HTTP: bodies, errors, streams and headers, with a scripted engine and retriever."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from cluster.errors import NotFoundError, OpenbookError, OverloadedError, UnavailableError
from cluster.prompts import PROMPT_HASH
from cluster.settings import EngineSettings, ServeSettings
from tests.serve.house import QUOTING, SHOWN, House, chat_body, error_of, events
from tests.serve.published import BASE_MODEL, publish


def test_chat_with_documents_quotes_and_cites_them(house: House) -> None:
    body = house.chat(model="manual", rag={"corpus": "lamps"}).json()
    (choice,) = body["choices"]
    assert choice["message"]["content"] == SHOWN
    assert choice["finish_reason"] == "stop"
    assert (body["object"], body["model"]) == ("chat.completion", "manual@v1")
    assert (body["system_fingerprint"], body["answer"]) == (PROMPT_HASH, "10 seconds")
    (note,) = choice["message"]["annotations"]
    place = note["url_citation"]
    assert (
        SHOWN[place["start_index"] : place["end_index"]] == "“Hold the button for 10 seconds.” [2]"
    )
    assert (place["url"], place["title"]) == ("file:///manual/doc-2.md", "Manual 2")
    assert body["citations"] == [{
        "index": 2, "doc_id": "doc-2", "chunk_id": "chunk-2", "uri": "file:///manual/doc-2.md",
        "title": "Manual 2", "page": 2, "start": 110, "end": 141,
        "quote": "Hold the button for 10 seconds.", "score": 0.8, "section": "", "also": [],
    }]  # fmt: skip
    rag = body["rag"]
    assert (rag["status"], rag["corpus"], rag["generation"]) == ("used", "lamps", "generation-1")
    assert [hit["chunk_id"] for hit in rag["hits"]] == ["chunk-1", "chunk-2"]
    assert (rag["documents_dropped"], rag["unverified_quotes"]) == (0, 0)
    assert set(rag["timings_ms"]) == {"retrieval", "generation"}
    usage = body["usage"]
    assert usage["completion_tokens"] == len(QUOTING)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    asked = house.engine.requests[-1]
    assert asked.adapter == "manual@v1"
    assert "Hold the button" in asked.messages[-1]["content"]


@pytest.mark.parametrize("stream", [False, True])
def test_chat_usage_says_how_much_of_the_prompt_was_known(house: House, stream: bool) -> None:
    house.engine.cached_tokens = 3
    asked = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    response = house.chat(**asked)
    usage = (events(response)[-1] if stream else response.json())["usage"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 3}


def test_chat_streamed_is_role_deltas_final_usage_done(house: House) -> None:
    response = house.chat(
        stream=True, stream_options={"include_usage": True}, rag={"corpus": "lamps"}
    )
    first, *deltas, final, usage = events(response)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(d["choices"][0]["delta"]["content"] for d in deltas) == SHOWN
    assert all(d["choices"][0]["finish_reason"] is None for d in deltas)
    assert final["choices"][0]["finish_reason"] == "stop"
    assert final["choices"][0]["delta"]["annotations"][0]["type"] == "url_citation"
    assert final["citations"][0]["index"] == 2
    assert (final["rag"]["status"], final["answer"]) == ("used", "10 seconds")
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], len(QUOTING))
    assert len({(e["id"], e["created"], e["model"]) for e in [first, *deltas, final, usage]}) == 1


def test_chat_stream_without_usage_asked_has_no_usage_chunk(house: House) -> None:
    assert all(event["choices"] for event in events(house.chat(stream=True)))


def test_chat_silent_stream_sends_heartbeats(house: House) -> None:
    house.settings = ServeSettings(heartbeat_s=0.01)
    app = house.app()

    async def main() -> str:
        house.engine.gate.clear()
        asyncio.get_running_loop().call_later(0.1, house.engine.gate.set)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            url = "http://test/v1/chat/completions"
            return (await client.post(url, json=chat_body(stream=True))).text

    text = asyncio.run(main())
    assert ": heartbeat\n\n" in text
    assert text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (["Some ", UnavailableError("the model is gone")], "unavailable"),
        (["Some ", OverloadedError("too much")], "overloaded"),
    ],
)
def test_chat_error_in_a_started_stream_comes_as_an_event(
    house: House, script: list[str | OpenbookError], code: str
) -> None:
    house.engine.script = script
    response = house.chat(stream=True)
    assert response.status_code == 200
    last = json.loads(response.text.strip().split("\n\n")[-1][6:])
    assert last["error"]["code"] == code


@pytest.mark.parametrize("stream", [False, True])
def test_chat_deadline_ends_the_generation(house: House, stream: bool) -> None:
    async def late(client: httpx.AsyncClient) -> httpx.Response:
        house.engine.gate.clear()
        headers = {"x-request-timeout-seconds": "0.05"}
        return await client.post(
            "/v1/chat/completions", json=chat_body(stream=stream), headers=headers
        )

    response = house.run(late)
    if stream:
        last = json.loads(response.text.strip().split("\n\n")[-1][6:])
        assert last["error"]["code"] == "timeout"
    else:
        assert error_of(response, 408)["code"] == "timeout"
    assert house.engine.running == 0


def test_chat_whose_deadline_has_passed_does_not_begin(house: House) -> None:
    headers = {"x-request-timeout-seconds": "1e-9"}
    response = house.post("/v1/chat/completions", chat_body(), **headers)
    assert error_of(response, 408)["code"] == "timeout"
    assert house.engine.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_chat_client_that_hangs_up_ends_the_generation(house: House, stream: bool) -> None:
    app = house.app()

    async def main() -> list[str]:
        house.engine.gate.clear()
        said, asked, gone = [], asyncio.Event(), asyncio.Event()
        body = json.dumps(chat_body(stream=stream)).encode()

        async def receive() -> dict[str, Any]:
            if not asked.is_set():
                asked.set()
                return {"type": "http.request", "body": body, "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            said.append(message["type"])

        scope = {
            "type": "http", "method": "POST", "path": "/v1/chat/completions", "query_string": b"",
            "headers": [(b"content-type", b"application/json")], "asgi": {"spec_version": "2.4"},
        }  # fmt: skip
        call = asyncio.create_task(app(scope, receive, send))
        while not house.engine.running:
            await asyncio.sleep(0)
        gone.set()
        await asyncio.wait_for(call, 5)
        return said

    asyncio.run(main())
    assert house.engine.running == 0


@contextmanager
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[list[dict[str, Any]]]:
    lines: list[dict[str, Any]] = []
    with caplog.at_level(logging.INFO, "openbook.access"):
        yield lines
    lines += [json.loads(r.message) for r in caplog.records if r.name == "openbook.access"]


def test_request_id_comes_back_and_the_log_has_no_prompt(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with logged(caplog) as lines:
        response = house.post("/v1/chat/completions", chat_body(), **{"x-request-id": "abc-1"})
        bad = house.post("/v1/chat/completions", chat_body(), **{"x-request-id": "a b\tc"})
    assert response.headers["x-request-id"] == "abc-1"
    assert response.json()["id"] == "chatcmpl-abc-1"
    assert bad.headers["x-request-id"] not in ("", "a b\tc")
    line = lines[0]
    assert (line["request_id"], line["status"], line["model"]) == ("abc-1", 200, "base")
    assert (line["rag"], line["completion_tokens"]) == ("skipped", len(QUOTING))
    assert "How long" not in json.dumps(lines)


@pytest.mark.parametrize(
    ("model", "served"),
    [("base", "base"), (BASE_MODEL, "base"), ("manual", "manual@v1"), ("manual@v2", "manual@v2"),
     ("manual@latest", "manual@v2")],
)  # fmt: skip
def test_chat_model_says_exactly_what_served(house: House, model: str, served: str) -> None:
    assert house.chat(model=model).json()["model"] == served
    assert house.engine.requests[-1].adapter == (None if served == "base" else served)


def test_errors_of_the_parts_have_their_statuses(house: House) -> None:
    rag = {"corpus": "lamps", "mode": "on"}
    house.retriever.error = UnavailableError("Milvus is down")
    unavailable = house.chat(rag=rag)
    assert error_of(unavailable, 503)["message"] == "Milvus is down"
    house.retriever.error = OverloadedError("full", retry_after_s=2.5)
    overloaded = house.chat(rag=rag)
    assert error_of(overloaded, 429)["type"] == "rate_limit_error"
    assert overloaded.headers["retry-after"] == "3"
    house.retriever.error = NotFoundError("no such corpus")
    assert error_of(house.chat(rag=rag), 404)["code"] == "not_found"
    publish(house.registry, house.folder / "v3", "manual", "v3", base_model="other")
    conflict = error_of(house.chat(model="manual@v3"), 409)
    assert "'other'" in conflict["message"]
    assert error_of(house.chat(model="manual@nothing"), 404)["param"] is None
    assert error_of(house.chat(model="../../etc"), 404)["type"] == "invalid_request_error"


def test_unexpected_error_is_a_500_that_tells_nothing(house: House) -> None:
    house.engine.script = None  # type: ignore[assignment]
    error = error_of(house.chat(), 500)
    assert "NoneType" not in error["message"]


def test_body_too_large_is_refused(house: House) -> None:
    house.settings = ServeSettings(max_body_kib=1)
    big = chat_body(messages=[{"role": "user", "content": "x" * 2000}])
    assert error_of(house.post("/v1/chat/completions", big), 413)["code"] == "request_too_large"

    async def streamed(client: httpx.AsyncClient) -> httpx.Response:
        async def pieces() -> Any:
            yield json.dumps(big).encode()

        headers = {"content-type": "application/json"}
        return await client.post("/v1/chat/completions", content=pieces(), headers=headers)

    error_of(house.run(streamed), 413)


def test_default_sampling_is_from_settings(house: House) -> None:
    house.settings = ServeSettings(engine=EngineSettings(max_new_tokens=7, temperature=0.5))
    house.chat()
    sampling = house.engine.requests[-1].sampling
    assert (sampling.max_tokens, sampling.temperature) == (7, 0.5)
