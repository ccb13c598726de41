"""What becomes of retrieval: used, empty, skipped or degraded, and what the client is told."""

from typing import Any

import pytest

from cluster.errors import NotFoundError, UnavailableError
from cluster.prompts import ABSTENTION, SYSTEM_CLOSED_BOOK, SYSTEM_OPEN_BOOK
from cluster.settings import ServeSettings
from tests.serve.house import House, error_of


def rag_of(house: House, **rag: Any) -> dict[str, Any]:
    response = house.chat(rag=rag)
    assert response.status_code == 200, response.text
    return response.json()["rag"]


def is_open_book(house: House) -> bool:
    system = house.engine.requests[-1].messages[0]["content"]
    assert system in (SYSTEM_OPEN_BOOK, SYSTEM_CLOSED_BOOK)
    return system == SYSTEM_OPEN_BOOK


def test_rag_auto_without_a_corpus_is_skipped(house: House) -> None:
    rag = rag_of(house)
    assert (rag["status"], rag["hits"], rag["corpus"]) == ("skipped", [], None)
    assert "corpus" in rag["reason"]
    assert not is_open_book(house)


def test_rag_auto_uses_the_corpus_of_the_settings(house: House) -> None:
    house.settings = ServeSettings(corpus="lamps")
    assert rag_of(house)["status"] == "used"
    assert is_open_book(house)
    assert rag_of(house, corpus="other")["corpus"] == "other"


def test_rag_off_asks_nobody(house: House) -> None:
    house.settings = ServeSettings(corpus="lamps")
    assert rag_of(house, mode="off")["status"] == "skipped"
    assert house.retriever.queries == []
    assert not is_open_book(house)


def test_rag_on_without_a_corpus_is_refused(house: House) -> None:
    assert "rag.corpus" in error_of(house.chat(rag={"mode": "on"}), 400)["message"]


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_rag_unknown_corpus_is_404(house: House, mode: str) -> None:
    house.retriever.error = NotFoundError("corpus 'x' does not exist")
    error_of(house.chat(rag={"mode": mode, "corpus": "x"}), 404)


def test_rag_retriever_down_degrades_auto_and_fails_on(house: House) -> None:
    house.retriever.error = UnavailableError("Milvus does not answer")
    rag = rag_of(house, corpus="lamps")
    assert (rag["status"], rag["reason"]) == ("degraded", "Milvus does not answer")
    assert not is_open_book(house)
    error_of(house.chat(rag={"mode": "on", "corpus": "lamps"}), 503)
    house.settings = ServeSettings(require_retrieval=True)
    error_of(house.chat(rag={"corpus": "lamps"}), 503)


def test_rag_options_reach_the_retriever(house: House) -> None:
    rag_of(house, corpus="lamps", top_k=1, filter='doc_id == "a"')
    (query,) = house.retriever.queries
    assert (query.questions, query.top_k, query.filter) == (("How long?",), 1, 'doc_id == "a"')


def test_rag_min_score_leaves_out_what_is_below(house: House) -> None:
    assert [h["chunk_id"] for h in rag_of(house, corpus="lamps", min_score=0.85)["hits"]] == [
        "chunk-1"
    ]
    rag = rag_of(house, corpus="lamps", min_score=0.95)
    assert (rag["status"], rag["hits"]) == ("empty", [])
    assert "min_score" in rag["reason"]
    assert not is_open_book(house)


def test_rag_nothing_found_refuses_when_retrieval_is_required(house: House) -> None:
    house.settings = ServeSettings(require_retrieval=True)
    house.retriever.hits = ()
    body = house.chat(rag={"corpus": "lamps"}).json()
    assert body["rag"]["status"] == "empty"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert "found nothing in corpus 'lamps'" in body["choices"][0]["message"]["content"]
    assert (body["answer"], body["usage"]["total_tokens"]) == (ABSTENTION, 0)
    assert house.engine.requests == []


def test_rag_documents_that_do_not_fit_are_dropped_worst_first(house: House) -> None:
    house.chat(rag={"corpus": "lamps"}, max_tokens=1)
    full = house.engine.count_tokens(house.engine.requests[-1].messages)
    house.engine.context_tokens = full
    body = house.chat(rag={"corpus": "lamps"}, max_tokens=1).json()
    assert (body["rag"]["status"], body["rag"]["documents_dropped"]) == ("used", 1)
    assert len(body["rag"]["hits"]) == 2
    asked = house.engine.requests[-1].messages[-1]["content"]
    assert "amber" in asked
    assert "button" not in asked
    assert body["citations"] == []
    assert body["rag"]["unverified_quotes"] == 1


def test_rag_choices_of_one_question_drop_the_same_documents(house: House) -> None:
    house.chat(rag={"corpus": "lamps"}, max_tokens=1)
    house.engine.context_tokens = house.engine.count_tokens(house.engine.requests[-1].messages)
    body = house.chat(rag={"corpus": "lamps"}, max_tokens=1, n=3).json()
    assert body["rag"]["documents_dropped"] == 1
    assert len(body["choices"]) == 3
    one, *others = (request.messages for request in house.engine.requests[-3:])
    assert others == [one, one]


@pytest.mark.parametrize("rag", [{"corpus": "lamps"}, {"mode": "off"}])
@pytest.mark.parametrize("stream", [False, True])
def test_rag_question_too_long_for_the_context_is_refused(
    house: House, rag: dict[str, str], stream: bool
) -> None:
    house.engine.context_tokens = 20
    error = error_of(house.chat(rag=rag, stream=stream), 400)
    assert "context of 20" in error["message"]
    assert error["code"] == "context_length_exceeded"


def test_rag_no_document_fits_is_empty(house: House) -> None:
    house.chat(max_tokens=1)
    house.engine.context_tokens = house.engine.count_tokens(house.engine.requests[-1].messages) + 1
    body = house.chat(rag={"corpus": "lamps"}, max_tokens=1).json()
    assert (body["rag"]["status"], body["rag"]["documents_dropped"]) == ("empty", 2)
    assert not is_open_book(house)
