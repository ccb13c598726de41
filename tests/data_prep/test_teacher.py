"""The client of the teacher over real HTTP: what is retried, what ends a run, what is never shown."""

import asyncio
import time
from email.utils import formatdate
from typing import Any

import pytest

from cluster.errors import (
    NotFoundError,
    OpenbookError,
    OverloadedError,
    SettingsError,
    UnavailableError,
    UsageError,
)
from cluster.settings import TeacherSettings
from data_prep.teacher.calls import Call, Reply
from data_prep.teacher.client import Teacher
from data_prep.teacher.prompts import questions_call
from data_prep.teacher.rate_limit import Pace
from tests.fake_teacher import FakeTeacher, Trouble, Troubles
from tests.taught_corpus import chunk

KEY = "sk-very-secret"


def settings(url: str, **values: Any) -> TeacherSettings:
    given = {"url": url, "model": "wise", "api_key": KEY, "retry_wait_s": 0.0, **values}
    return TeacherSettings.model_validate(given)


def ask(teacher: TeacherSettings, *calls: Call) -> list[Reply]:
    async def all_at_once() -> list[Reply]:
        async with Teacher(teacher) as client:
            return list(await asyncio.gather(*map(client.ask, calls)))

    return asyncio.run(all_at_once())


def calls(teacher: TeacherSettings, count: int = 1) -> list[Call]:
    return [questions_call(teacher, "d", chunk(number)) for number in range(count)]


def failing_once(trouble: Trouble) -> Troubles:
    return lambda key, attempt: trouble if attempt == 1 else None


def test_call_is_sent_as_the_api_has_it_and_read_back() -> None:
    with FakeTeacher() as server:
        teacher = settings(server.url, temperature=0.5, limit_field="max_completion_tokens")
        (call,) = calls(teacher)
        (reply,) = ask(teacher, call)
    (body,), (headers,) = server.bodies, server.headers
    assert body["model"] == "wise"
    assert body["messages"] == list(call.messages)
    assert body["temperature"] == 0.5
    assert body["max_completion_tokens"] == call.most_out
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Idempotency-Key"] == call.key == reply.key
    assert (reply.model, reply.finish_reason) == ("wise-2026", "stop")
    assert (reply.tokens_in, reply.tokens_out) == (server.tokens_in, server.tokens_out)
    assert "Which number fits" in reply.text


@pytest.mark.parametrize("suffix", ["", "/", "/chat/completions"])
def test_address_may_end_as_people_write_it(suffix: str) -> None:
    with FakeTeacher() as server:
        teacher = settings(server.url + suffix)
        assert ask(teacher, *calls(teacher))[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(500), Trouble(503), Trouble(408), Trouble(429), Trouble(kind="cut"),
        Trouble(kind="cut_body"), Trouble(kind="garbage"), Trouble(kind="hang"),
    ],
    ids=lambda trouble: f"{trouble.kind}-{trouble.status}",
)  # fmt: skip
def test_passing_trouble_is_tried_again(trouble: Trouble) -> None:
    with FakeTeacher(failing_once(trouble)) as server:
        teacher = settings(server.url, timeout_s=0.5 if trouble.kind == "hang" else 20)
        ask(teacher, *calls(teacher))
    assert list(server.attempts.values()) == [2]


def test_lasting_trouble_ends_in_an_error_that_says_where_and_what_to_do() -> None:
    with FakeTeacher(lambda key, attempt: Trouble(500)) as server:
        teacher = settings(server.url, attempts=3)
        with pytest.raises(UnavailableError, match=r"3 attempts.*500.*teacher\.attempts") as caught:
            ask(teacher, *calls(teacher))
    assert server.url in str(caught.value)
    assert list(server.attempts.values()) == [3]


@pytest.mark.parametrize("date", [False, True])
def test_retry_after_is_waited_for(date: bool) -> None:
    after = formatdate(time.time() + 2, usegmt=True) if date else "0.6"
    trouble = Trouble(429, headers={"Retry-After": after})
    with FakeTeacher(failing_once(trouble)) as server:
        teacher = settings(server.url)
        ask(teacher, *calls(teacher))
    # dates have whole seconds, so the wait may be up to one shorter
    assert server.arrived[1] - server.arrived[0] >= 0.5


def test_pace_that_is_held_holds_back_everybody() -> None:
    async def held() -> float:
        pace, start = Pace(None), time.monotonic()
        pace.hold(0.3)
        await asyncio.gather(pace.take(), pace.take())
        return time.monotonic() - start

    assert asyncio.run(held()) >= 0.3


@pytest.mark.parametrize(
    ("status", "code", "error", "said"),
    [
        (401, "", SettingsError, "OPENBOOK_TEACHER__API_KEY"),
        (403, "", SettingsError, "OPENBOOK_TEACHER__API_KEY"),
        (404, "model_not_found", NotFoundError, "'wise'"),
        (400, "unsupported_parameter", UsageError, "teacher.limit_field"),
        (429, "insufficient_quota", OverloadedError, "quota"),
        (402, "", OverloadedError, "quota"),
    ],
)
def test_trouble_that_stays_is_not_tried_again_and_shows_no_secret(
    status: int, code: str, error: type[OpenbookError], said: str
) -> None:
    with FakeTeacher(lambda key, attempt: Trouble(status, code)) as server:
        teacher = settings(server.url)
        with pytest.raises(error) as caught:
            ask(teacher, *calls(teacher))
    assert server.attempts.total() == 1
    assert said in str(caught.value)
    assert "***" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, "content_filter", "content_filter"), (400, "context_length_exceeded", "too_long"),
        (413, "", "too_long"),
    ],
)  # fmt: skip
def test_prompt_that_the_endpoint_refuses_is_a_reply_that_cost_nothing(
    status: int, code: str, reason: str
) -> None:
    with FakeTeacher(lambda key, attempt: Trouble(status, code)) as server:
        teacher = settings(server.url)
        (reply,) = ask(teacher, *calls(teacher))
    assert (reply.finish_reason, reply.tokens_in, reply.tokens_out) == (reason, 0, 0)


@pytest.mark.parametrize("limit", ["requests", "tokens"])
def test_rate_limit_spaces_the_calls(limit: str) -> None:
    with FakeTeacher(delay_s=0.2) as server:
        teacher = settings(server.url)
        asked = calls(teacher, 5)
        # a tenth of a second a call, before the first one gives back what it did not use
        rate = 600 if limit == "requests" else 600 * asked[0].most_out
        start = time.monotonic()
        ask(teacher.model_copy(update={f"{limit}_per_minute": rate}), *asked)
    assert time.monotonic() - start >= 0.4
    assert server.attempts.total() == 5


@pytest.mark.parametrize("url", ["", "ftp://host/v1", "host/v1"])
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"teacher\.url"):
        Teacher(settings(url))


@pytest.mark.parametrize("url", ["https://me:hidden@host/v1", "https://host/v1?key=hidden"])
def test_address_with_a_secret_in_it_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsError, match=r"teacher\.api_key") as caught:
        Teacher(settings(url))
    assert "hidden" not in str(caught.value)
