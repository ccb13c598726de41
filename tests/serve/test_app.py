"""`openbook serve` for real, driven by the official openai SDK: Ray Serve, Milvus, embedder, adapters.

The base model is a tiny one that says one quoting sentence to everything; two random adapters change it.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from cluster.artifacts import publish as publish_folder
from cluster.corpora import Corpora
from cluster.embedder import Embedder
from cluster.keys import generation_prefix
from cluster.milvus_lite import EmbeddedMilvus
from cluster.models import model_id
from cluster.objects import LocalStore
from cluster.settings import MilvusSettings, ModelSettings
from cluster.vectors import VectorStore
from tests.serve.live import ENDLESS, QUESTION, Server, at_work, publish_adapters, run_server
from tests.serve.published import make_hits
from tests.serve.tiny import save_quoting_model

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]

SAYS = "It says ##begin_quote##Hold the button for ten seconds.##end_quote##<ANSWER>: wait"
SHOWN = "It says “Hold the button for ten seconds.” [{n}]Answer: wait"
TEXTS = ("The ring turns amber while it updates.", "Reset: hold the  button for ten seconds. Wait.")
RAG = {"rag": {"corpus": "lamps", "mode": "on"}}


@pytest.fixture(scope="module")
def server(
    base_model: str, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    model = save_quoting_model(base_model, home / "model", SAYS)
    publish_adapters(LocalStore(home / "store"), model, home)
    with EmbeddedMilvus(home / "milvus") as milvus:
        publish_corpus(LocalStore(home / "store"), milvus.uri, embedder, home / "empty")
        yield from run_server(home, model)


def publish_corpus(store: LocalStore, uri: str, embedder: Embedder, empty: Path) -> None:
    chunks = [hit.chunk for hit in make_hits(*TEXTS)]
    vectors = VectorStore(MilvusSettings(), uri)
    vectors.ensure("lamps_g1", embedder.dimension)
    vectors.upsert("lamps_g1", chunks, embedder.embed_documents(TEXTS))
    vectors.close()
    empty.mkdir()
    fields = {
        "corpus": "lamps", "generation": "g1", "collection": "lamps_g1", "chunker": {},
        "embedder": model_id(ModelSettings().embedder), "dimension": embedder.dimension,
        "documents": 2, "chunks": 2, "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    publish_folder(store, generation_prefix("lamps", "g1"), empty, fields)
    Corpora(store).move_live("lamps", "g1", None)


def test_sdk_lists_models(server: Server) -> None:
    ids = {model.id for model in server.client().models.list()}
    assert {"base", "alpha", "alpha@v1", "beta@latest"} <= ids
    assert server.client().models.retrieve("beta@v1").id == "beta@v1"


def test_sdk_answer_from_documents_cites_verbatim(server: Server) -> None:
    reply = server.client().chat.completions.create(model="base", messages=QUESTION, extra_body=RAG)
    (citation,) = reply.citations
    message = reply.choices[0].message
    assert message.content == SHOWN.format(n=citation["index"])
    assert citation["quote"] == "hold the  button for ten seconds"
    assert citation["chunk_id"] == "chunk-2"
    assert TEXTS[1][citation["start"] - 100 : citation["end"] - 100] == citation["quote"]
    assert [hit["chunk_id"] for hit in reply.rag["hits"]][citation["index"] - 1] == "chunk-2"
    assert (reply.rag["status"], reply.rag["generation"], reply.answer) == ("used", "g1", "wait")
    (note,) = message.annotations
    assert note.url_citation.url == "file:///manual/doc-2.md"
    assert message.content[note.url_citation.start_index] == "“"


def test_sdk_stream_with_usage_has_the_same_text_and_citations(server: Server) -> None:
    options = {"messages": QUESTION, "stream": True, "stream_options": {"include_usage": True}}
    chunks = list(server.client().chat.completions.create(model="base", extra_body=RAG, **options))
    *pieces, last, usage = chunks
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert text == SHOWN.format(n=last.citations[0]["index"])
    assert last.choices[0].finish_reason == "stop"
    assert usage.usage.completion_tokens > 5


def test_sdk_logprobs_of_the_likeliest_tokens(server: Server) -> None:
    done = server.client().chat.completions.create(
        model="base", messages=QUESTION, temperature=0, logprobs=True, top_logprobs=3
    )
    logprobs = done.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert done.usage is not None
    assert len(logprobs.content) == done.usage.completion_tokens
    for token in logprobs.content:
        assert token.token == token.top_logprobs[0].token
        assert token.logprob == token.top_logprobs[0].logprob <= 0


def test_sdk_switches_between_base_and_adapters(server: Server) -> None:
    said = {}
    for model, served in [("base", "base"), ("alpha", "alpha@v1"), ("beta@latest", "beta@v1")] * 2:
        reply = server.client().chat.completions.create(
            model=model, messages=QUESTION, max_tokens=12
        )
        assert reply.model == served
        text = reply.choices[0].message.content
        assert said.setdefault(served, text) == text
    assert len(set(said.values())) == 3


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"model": "nobody"}, openai.NotFoundError),
        ({"model": "alpha@v9"}, openai.NotFoundError),
        ({"model": "base", "extra_body": {"rag": {"corpus": "nope"}}}, openai.NotFoundError),
        ({"model": "foreign"}, openai.ConflictError),
        ({"model": "base", "temperature": 9}, openai.BadRequestError),
        ({"model": "base", "n": 99}, openai.BadRequestError),
        ({"model": "base", "max_tokens": 100_000}, openai.BadRequestError),
        ({"model": "base", "extra_body": {"rag": {"corpus": "lamps", "filter": "doc_id ="}}},
         openai.BadRequestError),
    ],
)  # fmt: skip
def test_sdk_errors_have_their_types(
    server: Server, body: dict[str, Any], error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        server.client().chat.completions.create(messages=QUESTION, **body)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"]
    assert "Traceback" not in caught.value.message


def test_sdk_embeddings_are_unit_vectors(server: Server) -> None:
    reply = server.client().embeddings.create(model="embedder", input=["lamp", "button"])
    assert [len(item.embedding) for item in reply.data] == [384, 384]
    assert sum(x * x for x in reply.data[0].embedding) == pytest.approx(1.0, abs=1e-4)


def test_retrieve_finds_the_chunk(server: Server) -> None:
    body = {"corpus": "lamps", "query": "how long to hold the button to reset", "top_k": 1}
    found = httpx.post(f"{server.url}/v1/retrieve", json=body).json()
    assert [hit["doc_id"] for hit in found["hits"]] == ["doc-2"]


@pytest.mark.parametrize("seconds", ["0.5", "0.001"])
def test_deadline_and_request_id_through_the_proxy(server: Server, seconds: str) -> None:
    headers = {"x-request-timeout-seconds": seconds, "x-request-id": "mine-1"}
    reply = httpx.post(f"{server.url}/v1/chat/completions", json=ENDLESS, headers=headers)
    assert reply.status_code == 408
    assert reply.json()["error"]["code"] == "timeout"
    assert reply.headers.get_list("x-request-id") == ["mine-1"]


def test_client_that_hangs_up_frees_its_slot(server: Server) -> None:
    body = {**ENDLESS, "stream": True}
    with httpx.stream("POST", f"{server.url}/v1/chat/completions", json=body) as stream:
        lines = stream.iter_lines()  # closing this would close the connection
        assert next(lines).startswith("data: ")
        assert at_work(server) == 1
    deadline = time.monotonic() + 10
    while at_work(server):
        assert time.monotonic() < deadline, "the hung-up request still runs"


def test_twenty_parallel_requests_over_three_models_are_all_answered(server: Server) -> None:
    async def ask(client: AsyncOpenAI, number: int) -> tuple[str, str]:
        reply = await client.chat.completions.create(
            model=("base", "alpha", "beta")[number % 3], messages=QUESTION, max_tokens=12
        )
        return reply.model, reply.choices[0].message.content or ""

    async def main() -> list[tuple[str, str]]:
        url = f"{server.url}/v1"
        async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(20)))

    replies = asyncio.run(main())
    assert len(replies) == 20
    assert len(set(replies)) == 3  # the same model says the same whatever it shares a batch with


def test_ask_prints_the_answer_with_its_sources(server: Server) -> None:
    command = [sys.executable, "-m", "cluster", "ask", "How?", "--corpus", "lamps"]
    done = subprocess.run(
        [*command, "--url", server.url], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert "“Hold the button for ten seconds.”" in done.stdout
    assert "file:///manual/doc-2.md, page 2" in done.stdout
    assert "“hold the button for ten seconds”" in done.stdout


def test_second_server_on_a_busy_port_is_told_so(server: Server) -> None:
    port = server.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "cluster", "serve", "--port", port, "--json"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["type"] == "BusyError"
    assert port in error["message"]


def milvus(server: Server) -> int:
    return int(json.loads((server.home / "milvus" / "server.json").read_text())["pid"])


def test_milvus_that_hangs_degrades_auto_and_fails_on(server: Server) -> None:
    ask = server.client(timeout=40).chat.completions.create
    os.kill(milvus(server), signal.SIGSTOP)
    try:
        reply = ask(model="base", messages=QUESTION, extra_body={"rag": {"corpus": "lamps"}})
        assert reply.rag["status"] == "degraded"
        assert "Milvus" in reply.rag["reason"]
        with pytest.raises(openai.InternalServerError) as caught:
            ask(model="base", messages=QUESTION, extra_body=RAG)
        assert caught.value.status_code == 503
    finally:
        os.kill(milvus(server), signal.SIGCONT)


def test_milvus_killed_under_load_is_no_failed_request_and_comes_back(server: Server) -> None:
    killed = asyncio.Event()
    back = asyncio.Event()
    statuses: list[str] = []

    async def caller(client: AsyncOpenAI) -> None:
        while not back.is_set():
            asked_after = killed.is_set()
            reply = await client.chat.completions.create(
                model="base", messages=QUESTION, extra_body={"rag": {"corpus": "lamps"}}
            )
            statuses.append(reply.rag["status"])  # type: ignore[attr-defined]
            if len(statuses) >= 12 and not killed.is_set():
                os.kill(milvus(server), signal.SIGKILL)
                killed.set()
            if asked_after and reply.rag["status"] == "used":  # type: ignore[attr-defined]
                back.set()

    async def main() -> None:
        async with AsyncOpenAI(
            base_url=f"{server.url}/v1", api_key="none", max_retries=0
        ) as client:
            await asyncio.wait_for(asyncio.gather(*(caller(client) for _ in range(6))), 100)

    before = milvus(server)
    asyncio.run(main())
    assert {*statuses} <= {"used", "degraded"}
    assert milvus(server) != before
