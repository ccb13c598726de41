"""No parameter is silently ignored: each is honoured, or refused by name in OpenAI's error shape."""

from typing import Any

import pytest

from tests.serve.house import House, error_of

PICTURE = {"type": "image_url", "image_url": {"url": "x"}}


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("presence_penalty", 0.5), ("frequency_penalty", -1),
        ("logit_bias", {"5": 1}), 
        ("tools", [{"type": "function"}]), ("tool_choice", "required"), ("functions", [{}]),
        ("function_call", {"name": "f"}), ("response_format", {"type": "json_object"}),
        ("modalities", ["audio"]), ("audio", {}), ("store", True), ("reasoning_effort", "low"),
        ("service_tier", "flex"), ("metadata", {"a": "b"}), ("prediction", {}),
        ("web_search_options", {}), ("best_of", 2), ("guided_json", {}), ("min_p", 0.1),
    ],
)  # fmt: skip
def test_chat_unsupported_parameter_is_refused_by_name(
    house: House, param: str, value: Any
) -> None:
    error = error_of(house.chat(**{param: value}), 400)
    assert (error["type"], error["code"]) == ("invalid_request_error", "unsupported_parameter")
    assert error["param"] == param
    assert house.engine.requests == []


@pytest.mark.parametrize(
    "inert",
    [
        {"n": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}},
        {
            "logprobs": False,
            "top_logprobs": 0,
            "tools": [],
            "tool_choice": "auto",
            "response_format": {"type": "text"},
        },
        {"n": None, "tools": None, "stop": None, "seed": None, "max_tokens": None, "user": "me"},
    ],
)
def test_chat_parameter_that_asks_for_nothing_is_accepted(
    house: House, inert: dict[str, Any]
) -> None:
    assert house.chat(**inert).status_code == 200


def test_chat_ignore_eos_reaches_the_engine(house: House) -> None:
    assert house.chat(ignore_eos=True).status_code == 200
    assert house.chat().status_code == 200
    assert [asked.sampling.ignore_eos for asked in house.engine.requests] == [True, False]


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"temprature": 1}, "temprature", "unknown_parameter"),
        ({"rag": {"collection": "c"}}, "rag.collection", "unknown_parameter"),
        ({"rag": {"mode": "maybe"}}, "rag.mode", "invalid_value"),
        ({"rag": {"top_k": 0}}, "rag.top_k", "invalid_value"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"top_p": 0}, "top_p", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 17}, "n", "invalid_value"),
        ({"n": 1.5}, "n", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"stop": ["a", "b", "c", "d", "e"]}, None, "invalid_value"),
        ({"stop": ""}, None, "invalid_value"),
        ({"seed": 2**70}, "seed", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role", "invalid_value"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, None, "invalid_value"),
        ({"messages": [{"role": "user", "content": " "}]}, None, "invalid_value"),
        ({"messages": [{"role": "user", "content": "x", "weight": 1}]}, "messages.0.weight",
         "unknown_parameter"),
        ({"stream_options": {"include_usage": True}}, None, "invalid_value"),
        ({"top_logprobs": 2}, None, "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_value"),
        ({"logprobs": "yes please"}, "logprobs", "invalid_value"),
        ({"model": None}, "model", "invalid_value"),
    ],
)  # fmt: skip
def test_chat_bad_value_is_refused_by_name(
    house: House, changes: dict[str, Any], param: str | None, code: str
) -> None:
    error = error_of(house.chat(**changes), 400)
    assert (error["param"], error["code"]) == (param, code)


def test_chat_content_that_is_no_text_is_refused(house: House) -> None:
    parts = [{"type": "text", "text": "What is this?"}, PICTURE]
    error = error_of(house.chat(messages=[{"role": "user", "content": parts}]), 400)
    assert error["param"].startswith("messages.0.content")


def test_chat_body_that_is_no_json_is_refused(house: House) -> None:
    async def post(client: Any) -> Any:
        headers = {"content-type": "application/json"}
        return await client.post("/v1/chat/completions", content=b"{", headers=headers)

    assert error_of(house.run(post), 400)["code"] == "invalid_json"


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b'{"model": "base"}', "application/x-www-form-urlencoded"), (b"[]", "application/json")],
)
def test_chat_body_that_is_no_json_object_says_what_to_send(
    house: House, content: bytes, kind: str
) -> None:
    async def post(client: Any) -> Any:
        headers = {"content-type": kind}
        return await client.post("/v1/chat/completions", content=content, headers=headers)

    error = error_of(house.run(post), 400)
    assert error["code"] == "invalid_json"
    assert "content-type: application/json" in error["message"]


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan"])
def test_chat_bad_deadline_is_refused(house: House, value: str) -> None:
    body = {"model": "base", "messages": [{"role": "user", "content": "x"}]}
    headers = {"x-request-timeout-seconds": value}
    error_of(house.post("/v1/chat/completions", body, **headers), 400)


def test_chat_everything_supported_reaches_the_engine(house: House) -> None:
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {
            "role": "assistant",
            "content": "Hi",
            "refusal": None,
            "annotations": [],
            "tool_calls": None,
        },
        {
            "role": "user",
            "content": [{"type": "text", "text": "How "}, {"type": "text", "text": "long?"}],
        },
    ]
    wanted = {"temperature": 0.3, "top_p": 0.8, "top_k": 7, "seed": -5, "stop": ["END"]}
    house.chat(messages=turns, max_completion_tokens=9, max_tokens=4, **wanted)
    asked = house.engine.requests[-1]
    assert (asked.sampling.max_tokens, asked.sampling.stop) == (9, ("END",))
    assert (asked.sampling.temperature, asked.sampling.seed) == (0.3, -5)
    assert (asked.sampling.top_p, asked.sampling.top_k) == (0.8, 7)
    assert asked.messages[0]["content"].endswith("Be kind.")
    assert [m["content"] for m in asked.messages[1:]] == ["Hello", "Hi", "Question: How long?"]


def test_chat_stop_as_one_string(house: House) -> None:
    house.chat(stop="END")
    assert house.engine.requests[-1].sampling.stop == ("END",)
