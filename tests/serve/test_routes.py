"""The short routes: models, embeddings, retrieve, health, and what the router refuses."""

import base64

import numpy as np

from tests.serve.house import TEXTS, House, error_of
from tests.serve.published import BASE_MODEL


def test_models_lists_base_names_versions_and_aliases(house: House) -> None:
    cards = {card["id"]: card for card in house.get("/v1/models").json()["data"]}
    assert set(cards) == {
        "base", "manual", "manual@v1", "manual@v2", "manual@prod", "manual@latest",
    }  # fmt: skip
    assert (cards["base"]["parent"], cards["base"]["root"]) == (None, BASE_MODEL)
    assert (cards["manual"]["parent"], cards["manual"]["root"]) == ("base", "manual@v1")
    assert cards["manual@latest"]["root"] == "manual@v2"
    assert cards["manual"]["created"] == 1767323045
    assert house.get("/v1/models/manual@prod").json() == cards["manual@prod"]
    assert error_of(house.get("/v1/models/other"), 404)["code"] == "not_found"


def test_embeddings_as_floats_and_base64(house: House) -> None:
    body = {"model": "embedder", "input": ["one", "two"]}
    floats = house.post("/v1/embeddings", body).json()
    coded = house.post("/v1/embeddings", {**body, "encoding_format": "base64"}).json()
    assert [item["embedding"] for item in floats["data"]] == [[1.0, 0.0], [1.0, 0.0]]
    raw = base64.b64decode(coded["data"][1]["embedding"])
    assert np.frombuffer(raw, "<f4").tolist() == [1.0, 0.0]
    assert (floats["model"], floats["usage"]["prompt_tokens"]) == ("mini", 2)
    error_of(house.post("/v1/embeddings", {**body, "model": "base"}), 404)
    error_of(house.post("/v1/embeddings", {**body, "dimensions": 3}), 400)


def test_retrieve_one_query_or_several(house: House) -> None:
    one = house.post("/v1/retrieve", {"corpus": "lamps", "query": "How?", "top_k": 1}).json()
    assert (one["corpus"], one["generation"]) == ("lamps", "generation-1")
    (hit,) = one["hits"]
    assert (hit["chunk_id"], hit["text"], hit["score"], hit["rank"]) == (
        "chunk-1",
        TEXTS[0],
        0.9,
        1,
    )
    several = house.post("/v1/retrieve", {"corpus": "lamps", "queries": ["a", "b"]}).json()
    assert [result["query"] for result in several["results"]] == ["a", "b"]
    for body in (
        {"corpus": "lamps"},
        {"query": "a"},
        {"corpus": "c", "query": "a", "queries": ["b"]},
    ):
        error_of(house.post("/v1/retrieve", body), 400)


def test_health_and_readiness(house: House) -> None:
    assert house.get("/healthz").status_code == 200
    assert house.get("/readyz").json()["status"] == "ready"


def test_router_errors_have_the_same_shape(house: House) -> None:
    assert error_of(house.get("/v1/nothing"), 404)["code"] == "unknown_url"
    assert error_of(house.get("/v1/chat/completions"), 405)["code"] == "method_not_allowed"
