"""The client reads what the HTTP API promises and retries only what may pass, over real HTTP."""

import asyncio
import socket
from dataclasses import replace

import pytest

from cluster.errors import NotFoundError, OverloadedError, UnavailableError, UsageError
from cluster.settings import CompareSettings
from tests.fakes import FakeOpenAI, Loopback
from tests.train.exam import MODELS, Answers
from train.client import Ask, ChatClient, Reply, server_url

SETTINGS = CompareSettings(attempts=3, retry_wait_s=0.0, timeout_s=5)
ASK = Ask("What is 1?", "exam-raft", True, "handbook", 4, 32)


@pytest.fixture
def api() -> FakeOpenAI:
    return FakeOpenAI(MODELS, Answers({"exam-raft+rag": 10}))


def ask(api: FakeOpenAI, request: Ask = ASK) -> Reply:
    async def once(url: str) -> Reply:
        async with ChatClient(SETTINGS, url) as client:
            return await client.ask(request)

    with Loopback(api.app) as server:
        return asyncio.run(once(server.url))


def test_reply_carries_answer_citations_retrieval_and_usage(api: FakeOpenAI) -> None:
    reply = ask(api)
    assert (reply.model, reply.answer) == ("exam-raft@r1", "The number 1.")
    assert reply.citations[0]["doc_id"] == "right"
    assert reply.retrieved == ("right", "wrong")
    assert (reply.generation, reply.rag_status) == ("g1", "used")
    assert (reply.tokens_in, reply.tokens_out) == (100, 5)
    assert reply.latency_s > 0


def test_request_is_deterministic_and_names_the_corpus_only_when_it_searches(
    api: FakeOpenAI,
) -> None:
    ask(api)
    assert api.bodies[0]["temperature"] == 0
    assert api.bodies[0]["rag"] == {"mode": "on", "corpus": "handbook", "top_k": 4}
    assert Ask("?", "base", False, "handbook", 4, 32).body()["rag"] == {"mode": "off"}


def test_oracle_is_all_that_a_request_may_find() -> None:
    given = replace(ASK, oracle=("a", 'it"s'))
    assert given.body()["rag"]["filter"] == r'doc_id in ["a", "it\"s"]'
    assert replace(given, rag=False).body()["rag"] == {"mode": "off"}


def test_reply_without_an_answer_mark_falls_back_to_the_text(api: FakeOpenAI) -> None:
    api.answer = lambda model, rag, question: "It is ##begin_quote##one##end_quote##"
    assert ask(api).answer == "It is one"


def test_overload_is_waited_out(api: FakeOpenAI) -> None:
    api.failures.extend([(429, {"Retry-After": "0"}), (503, {})])
    assert ask(api).answer == "The number 1."
    assert len(api.bodies) == 3


def test_overload_that_stays_is_an_error_after_all_attempts(api: FakeOpenAI) -> None:
    api.failures.extend([(429, {"Retry-After": "0"})] * 5)
    with pytest.raises(OverloadedError, match="429: scripted trouble"):
        ask(api)
    assert len(api.bodies) == SETTINGS.attempts


def test_server_trouble_that_stays_is_an_error_after_all_attempts(api: FakeOpenAI) -> None:
    api.broken.add(ASK.question)
    with pytest.raises(UnavailableError, match="500: scripted trouble"):
        ask(api)
    assert len(api.bodies) == SETTINGS.attempts


@pytest.mark.parametrize(("status", "kind"), [(400, UsageError), (404, NotFoundError)])
def test_refusal_is_final(api: FakeOpenAI, status: int, kind: type[Exception]) -> None:
    api.failures.append((status, {}))
    with pytest.raises(kind, match="scripted trouble"):
        ask(api)
    assert len(api.bodies) == 1


def test_answer_without_documents_though_asked_for_is_not_accepted(api: FakeOpenAI) -> None:
    api.status = "degraded"
    with pytest.raises(UnavailableError, match="retrieval is degraded"):
        ask(api)


def test_silent_address_says_where_and_what_to_do() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    async def models() -> None:
        async with ChatClient(SETTINGS, url) as client:
            await client.models()

    with pytest.raises(UnavailableError, match=rf"no server answers at {url}.*openbook serve"):
        asyncio.run(models())


def test_another_kind_of_server_is_named_as_such(api: FakeOpenAI) -> None:
    async def models(url: str) -> None:
        async with ChatClient(SETTINGS, url) as client:
            await client.models()

    with Loopback(api.app) as server, pytest.raises(NotFoundError, match="answered 404"):
        asyncio.run(models(f"{server.url}/elsewhere"))


def test_address_may_end_in_v1_and_must_be_http() -> None:
    assert server_url("http://host:1/v1/") == "http://host:1"
    for wrong in ("localhost:8000", "", "ftp://host", "http://[::1"):
        with pytest.raises(UsageError, match="--url"):
            server_url(wrong)
