"""What an OpenAI-compatible endpoint sends back: replies, error codes, and when to come again."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from data_prep.teacher.budget import likely_tokens
from data_prep.teacher.calls import Call, Reply


def reply_of(call: Call, body: Mapping[str, Any]) -> Reply:
    """The reply in a 200 body; ValueError, KeyError, TypeError, ... when it is not the API's."""
    choice = body["choices"][0]
    message = choice["message"]
    refusal = message.get("refusal")
    text = refusal or message.get("content") or ""
    if not isinstance(text, str):
        raise TypeError("the content is not text")
    usage = body.get("usage") or {}
    prompt = [message["content"] for message in call.messages]
    return Reply(
        key=call.key,
        order=call.order,
        kind=call.kind,
        subject=call.subject,
        model=str(body.get("model") or call.model),
        text=text,
        finish_reason="refusal" if refusal else str(choice.get("finish_reason") or "stop"),
        # some servers count nothing
        tokens_in=int(usage.get("prompt_tokens") or likely_tokens(prompt)),
        tokens_out=int(usage.get("completion_tokens") or likely_tokens([text])),
        created=_now(),
    )


def unanswered(call: Call, reason: str) -> Reply:
    """The reply to a call that the endpoint will never take, and did not charge."""
    return Reply(
        call.key, call.order, call.kind, call.subject, call.model, "", reason, 0, 0, _now()
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def retry_after_s(response: httpx.Response) -> float | None:
    """`Retry-After` in seconds, from seconds or a date; None when it is absent or neither."""
    value = response.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def error_code(response: httpx.Response) -> str:
    """The machine-readable code of an error; empty without one."""
    try:
        error = response.json()["error"]
        return str(error.get("code") or error.get("type") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def error_message(response: httpx.Response) -> str:
    """What an error says to a person."""
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return response.text or response.reason_phrase
