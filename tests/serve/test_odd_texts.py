"""Text that is none, long questions, and the least score, over HTTP."""

import json
from collections.abc import Sequence

import httpx
import pytest

from serve.ports import Query, Retrieved
from tests.serve.fakes import StaticRetriever
from tests.serve.house import House, chat_body, error_of

HALF = "\ud83d"


def post(house: House, path: str, body: object) -> httpx.Response:
    """As a client writes it whose JSON escapes what is not ASCII."""
    sent = json.dumps(body, ensure_ascii=True).encode()
    head = {"content-type": "application/json"}
    return house.run(lambda client: client.post(path, content=sent, headers=head))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/v1/chat/completions",
            chat_body(messages=[{"role": "user", "content": f"Which? {HALF}"}]),
        ),
        ("/v1/chat/completions", chat_body(rag={"corpus": "lamps", "filter": f"x == {HALF}"})),
        ("/v1/chat/completions", chat_body(model=f"ba{HALF}se")),
        ("/v1/retrieve", {"corpus": "lamps", "query": f"a {HALF}"}),
        ("/v1/retrieve", {"corpus": "lamps", "queries": ["a", f"a {HALF}"]}),
        ("/v1/retrieve", {"corpus": "lamps", "query": "a", "filter": f"x == {HALF}"}),
        ("/v1/embeddings", {"model": "embedder", "input": f"a {HALF}"}),
    ],
)
def test_half_a_surrogate_pair_is_a_400(house: House, path: str, body: object) -> None:
    error = error_of(post(house, path, body), 400)
    if "model" not in str(error["param"]):
        assert "half of a surrogate pair" in error["message"]


@pytest.mark.parametrize("query", ["", " \n"])
def test_blank_query_is_a_400(house: House, query: str) -> None:
    error_of(post(house, "/v1/retrieve", {"corpus": "lamps", "query": query}), 400)


@pytest.mark.parametrize("query", ["a\x00b", "x" * 50_000])
def test_odd_query_is_searched(house: House, query: str) -> None:
    assert post(house, "/v1/retrieve", {"corpus": "lamps", "query": query}).status_code == 200


def test_least_score_means_the_same_in_retrieve_and_in_chat(house: House) -> None:
    body = {"corpus": "lamps", "query": "How long?", "min_score": 0.85}
    hits = post(house, "/v1/retrieve", body).json()["hits"]
    rag = house.chat(rag={"corpus": "lamps", "min_score": 0.85}).json()["rag"]
    assert [hit["chunk_id"] for hit in hits] == ["chunk-1"]
    assert [hit["chunk_id"] for hit in rag["hits"]] == ["chunk-1"]


class Telling(StaticRetriever):
    async def retrieve(self, query: Query) -> Retrieved:
        found = await super().retrieve(query)
        notices: Sequence[tuple[str, ...]] = [("cut",), *[()] * (len(query.questions) - 1)]
        return Retrieved(found.corpus, found.generation, found.hits, tuple(notices))


def test_notices_of_a_long_question_are_told(house: House) -> None:
    house.retriever = Telling("lamps", house.retriever.hits)
    one = post(house, "/v1/retrieve", {"corpus": "lamps", "query": "q"}).json()
    assert one["notices"] == ["cut"]
    two = post(house, "/v1/retrieve", {"corpus": "lamps", "queries": ["q", "r"]}).json()
    assert [result["notices"] for result in two["results"]] == [["cut"], []]
    assert house.chat(rag={"corpus": "lamps"}).json()["rag"]["notices"] == ["cut"]
