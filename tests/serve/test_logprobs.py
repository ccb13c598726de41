"""Log probabilities over HTTP: every generated token once, in OpenAI's shape."""

from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.serve.house import QUOTING, SHOWN, House, events

RAG = {"corpus": "lamps"}


def test_logprobs_are_of_the_raw_tokens(house: House) -> None:
    body = house.chat(logprobs=True, top_logprobs=2, rag=RAG).json()
    (choice,) = body["choices"]
    assert choice["message"]["content"] == SHOWN
    content = choice["logprobs"]["content"]
    assert [token["token"] for token in content] == list(QUOTING)
    assert len(content) == body["usage"]["completion_tokens"]
    assert content[0]["bytes"] == list(QUOTING[0].encode())
    assert [len(token["top_logprobs"]) for token in content] == [2] * len(content)
    assert ChatCompletion.model_validate(body, strict=True).choices[0].logprobs is not None


def test_logprobs_in_a_stream_lose_no_token_that_shows_no_text(house: House) -> None:
    pieces = events(house.chat(logprobs=True, n=2, stream=True, rag=RAG))
    tokens: dict[int, list[str]] = {0: [], 1: []}
    for piece in pieces:
        ChatCompletionChunk.model_validate(piece)
        (choice,) = piece["choices"]
        tokens[choice["index"]] += _tokens(choice)
    assert tokens == {0: list(QUOTING), 1: list(QUOTING)}


def test_logprobs_not_asked_for_are_null(house: House) -> None:
    (choice,) = house.chat(rag=RAG).json()["choices"]
    assert choice["logprobs"] is None
    assert house.engine.requests[-1].sampling.logprobs is None
    pieces = events(house.chat(stream=True, logprobs=False, rag=RAG))
    assert all(piece["choices"][0]["logprobs"] is None for piece in pieces)


def test_logprobs_without_alternatives_are_of_the_chosen_alone(house: House) -> None:
    (choice,) = house.chat(logprobs=True, rag=RAG).json()["choices"]
    assert all(token["top_logprobs"] == [] for token in choice["logprobs"]["content"])


def _tokens(choice: dict[str, Any]) -> list[str]:
    return [token["token"] for token in (choice["logprobs"] or {"content": []})["content"]]
