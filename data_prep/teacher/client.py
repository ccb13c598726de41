"""The teacher: a client of any OpenAI-compatible endpoint.

One call is tried `teacher.attempts` times, with doubling, jittered waits; a `Retry-After` goes first and
holds back every other call too. What cannot get better by asking again is said at once: a wrong key,
address, model or parameter ends the run, a prompt that the endpoint refuses is a reply of its own.
"""

import asyncio
import random
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx

from cluster.errors import (
    NotFoundError,
    OpenbookError,
    OverloadedError,
    SettingsError,
    UnavailableError,
    UsageError,
)
from cluster.keys import seed_of
from cluster.settings import TeacherSettings
from data_prep.teacher.budget import likely_tokens
from data_prep.teacher.calls import Call, Reply
from data_prep.teacher.rate_limit import Pace
from data_prep.teacher.replies import (
    error_code,
    error_message,
    reply_of,
    retry_after_s,
    unanswered,
)

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_AGAIN = frozenset({408, 409, 425, 429})
# codes of a 400 that blame this prompt, not the settings -> the finish reason we give the reply
_REFUSED_PROMPTS: Mapping[str, str] = {
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "context_length_exceeded": "too_long",
    "string_above_max_length": "too_long",
}
_SHOWN_CHARS = 300


class _Again(Exception):
    """An attempt that may go better next time; `after_s` is when, if the endpoint said so."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Teacher:
    """One endpoint and model. An async context manager; safe for many concurrent `ask`s."""

    def __init__(self, settings: TeacherSettings) -> None:
        self._settings = settings
        self._url = f"{endpoint_url(settings.url)}/chat/completions"
        self._requests = Pace(settings.requests_per_minute)
        self._tokens = Pace(settings.tokens_per_minute)
        secret = settings.api_key.get_secret_value() if settings.api_key else ""
        self._secret = secret.strip()
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._secret}"} if self._secret else None,
            timeout=settings.timeout_s,
            limits=httpx.Limits(max_connections=settings.concurrency),
            trust_env=httpx.URL(self._url).host not in _LOOPBACK,  # no proxy to this machine
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def ask(self, call: Call) -> Reply:
        """The reply, after at most `attempts` tries.

        Raises UnavailableError when none of them was answered (a later run may do better), and another
        OpenbookError when settings or account must change first.
        """
        for attempt in range(1, self._settings.attempts + 1):
            try:
                return await self._try(call)
            except _Again as trouble:
                if attempt == self._settings.attempts:
                    raise UnavailableError(
                        f"the teacher at {self._url} did not answer in {attempt} attempts, last: {trouble}; "
                        "check the endpoint, or raise teacher.attempts, teacher.timeout_s or "
                        "teacher.max_wait_s, or lower teacher.concurrency"
                    ) from trouble
                if trouble.after_s is not None:
                    self._requests.hold(min(trouble.after_s, self._settings.max_wait_s))
                await asyncio.sleep(self._wait_s(call, attempt, trouble.after_s))
        raise AssertionError("teacher.attempts is at least 1")

    async def _try(self, call: Call) -> Reply:
        likely = likely_tokens(message["content"] for message in call.messages) + call.most_out
        await self._tokens.take(likely)
        await self._requests.take()
        response = await self._post(call)
        if response.status_code != httpx.codes.OK:
            return self._refused(call, response)
        try:
            reply = reply_of(call, response.json())
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            text = self._clean(response.text)
            raise _Again(f"a reply that the OpenAI API does not describe: {text!r}") from error
        self._tokens.give_back(likely - reply.usage.tokens)
        return reply

    async def _post(self, call: Call) -> httpx.Response:
        body = {"model": call.model, "messages": list(call.messages), **call.parameters}
        try:
            # httpx bounds each read; a server that sends a byte now and then must end as well
            async with asyncio.timeout(self._settings.timeout_s):
                return await self._http.post(
                    self._url, json=body, headers={"Idempotency-Key": call.key}
                )
        except (TimeoutError, httpx.TimeoutException) as error:
            raise _Again(f"no answer within {self._settings.timeout_s:g} s") from error
        except httpx.HTTPError as error:
            raise _Again(f"the connection failed ({error or type(error).__name__})") from error

    def _refused(self, call: Call, response: httpx.Response) -> Reply:
        """A reply when the endpoint will never take this prompt; raises in every other case."""
        code = error_code(response)
        if response.status_code == httpx.codes.BAD_REQUEST and code in _REFUSED_PROMPTS:
            return unanswered(call, _REFUSED_PROMPTS[code])
        if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return unanswered(call, "too_long")
        said = f"answered {response.status_code}: {self._clean(error_message(response))}"
        again = response.status_code in _AGAIN or response.is_server_error
        if again and code != "insufficient_quota":
            raise _Again(said, retry_after_s(response))
        raise self._final(response.status_code, said)

    def _final(self, status: int, said: str) -> OpenbookError:
        where = f"the teacher at {self._url} {said}"
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            state = "was refused" if self._secret else "is not set"
            hint = "set it as teacher.api_key, best by the environment: OPENBOOK_TEACHER__API_KEY"
            return SettingsError(f"{where}; the API key {state}: {hint}")
        if status == httpx.codes.NOT_FOUND:
            return NotFoundError(
                f"{where}; either the address is wrong (teacher.url usually ends in /v1) or it has no "
                f"model {self._settings.model!r} (GET {self._url.removesuffix('/chat/completions')}/models "
                "lists them)"
            )
        if status in (httpx.codes.PAYMENT_REQUIRED, httpx.codes.TOO_MANY_REQUESTS):
            return OverloadedError(
                f"{where}; the account has no quota left, top it up and run again"
            )
        return UsageError(
            f"{where}; it does not accept the request for model {self._settings.model!r}: see "
            "teacher.limit_field, teacher.temperature, teacher.answer_tokens and teacher.url"
        )

    def _wait_s(self, call: Call, attempt: int, after_s: float | None) -> float:
        longest = self._settings.max_wait_s
        if after_s is not None:
            return min(after_s, longest)
        # jitter, so that calls which failed together do not come back together
        share = 0.5 + random.Random(seed_of(call.key, attempt)).random() / 2
        return min(self._settings.retry_wait_s * 2.0 ** (attempt - 1), longest) * share

    def _clean(self, text: str) -> str:
        """What a server said, short and without our key in it."""
        shown = text.replace(self._secret, "***") if self._secret else text
        return " ".join(shown.split())[:_SHOWN_CHARS]


def endpoint_url(url: str) -> str:
    """The address below which `/chat/completions` is; SettingsError when it is not an HTTP address."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise SettingsError(f"teacher.url={url!r} is not an address: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise SettingsError(f"teacher.url={url!r} is not of the form https://HOST/v1")
    if parsed.userinfo or parsed.query:
        raise SettingsError(
            f"teacher.url for {parsed.host!r} holds a user, a password or a query; addresses are shown "
            "in messages: put the secret into teacher.api_key"
        )
    return url.rstrip("/").removesuffix("/chat/completions")
