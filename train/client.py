"""A client of the OpenAI-compatible server: asks as a user would and reads what a user would see.

Overload (429) and server trouble (5xx, broken connections, degraded retrieval) are retried with
doubling waits, a `Retry-After` goes first; anything else is final. Latency is that of the attempt
that succeeded, so that waiting because we were told to wait is not counted as the server's speed.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Self

import httpx

from cluster.errors import (
    ConflictError,
    NotFoundError,
    OpenbookError,
    OverloadedError,
    UnavailableError,
    UsageError,
)
from cluster.prompts import parse
from cluster.settings import CompareSettings

_FINAL: dict[int, type[OpenbookError]] = {404: NotFoundError, 409: ConflictError}
CITATION = ("index", "doc_id", "chunk_id", "uri", "title", "page", "start", "end", "quote", "score")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: the fields that decide the answer. `corpus`, `top_k` and `oracle` matter with `rag` only.

    With `oracle`, documents by id, nothing else is retrieved.
    """

    question: str
    model: str
    rag: bool
    corpus: str | None
    top_k: int
    max_tokens: int
    oracle: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """The request as JSON; temperature 0, so that a repeat gives the same answer."""
        rag: dict[str, Any] = {"mode": "on" if self.rag else "off"}
        if self.rag:
            rag |= {"corpus": self.corpus, "top_k": self.top_k}
        if self.rag and self.oracle:
            rag["filter"] = f"doc_id in {json.dumps(self.oracle, ensure_ascii=False)}"
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": self.question}],
            "temperature": 0,
            "max_tokens": self.max_tokens,
            "rag": rag,
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered. `answer` is the short one, `text` everything that was generated.

    `citations` have the fields of `CITATION`, None where the server says nothing; `retrieved` are
    document ids by rank; `model` says what served.
    """

    model: str
    text: str
    answer: str
    citations: tuple[Mapping[str, Any], ...]
    retrieved: tuple[str, ...]
    rag_status: str | None
    generation: str | None
    unverified_quotes: int
    finish_reason: str | None
    tokens_in: int
    tokens_out: int
    latency_s: float


class ChatClient:
    """One server. An async context manager; safe for many concurrent `ask`s."""

    def __init__(self, settings: CompareSettings, url: str) -> None:
        self._settings = settings
        self._url = server_url(url)
        self._http = httpx.AsyncClient(
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

    async def models(self) -> dict[str, dict[str, Any]]:
        """Cards of the models the server offers, by id; UnavailableError when nobody answers."""
        try:
            response = await self._http.get(f"{self._url}/v1/models")
        except httpx.HTTPError as error:
            self._unreachable(error)
        if response.status_code != httpx.codes.OK:
            raise self._refused(response)
        try:
            return {card["id"]: card for card in response.json()["data"]}
        except (ValueError, KeyError, TypeError) as error:
            raise self._strange(response) from error

    async def ask(self, ask: Ask) -> Reply:
        """The answer, after at most `attempts` tries; raises the last try's OpenbookError."""
        for attempt in range(1, self._settings.attempts + 1):
            try:
                return await self._try(ask)
            except (OverloadedError, UnavailableError) as error:
                if attempt == self._settings.attempts:
                    raise
                await asyncio.sleep(self._wait_s(attempt, error))
        raise AssertionError("compare.attempts is at least 1")

    async def _try(self, ask: Ask) -> Reply:
        start = time.perf_counter()
        try:
            response = await self._http.post(f"{self._url}/v1/chat/completions", json=ask.body())
        except httpx.HTTPError as error:
            self._unreachable(error)
        latency_s = time.perf_counter() - start
        if response.status_code != httpx.codes.OK:
            raise self._refused(response)
        try:
            reply = _reply(response.json(), latency_s)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise self._strange(response) from error
        if ask.rag and reply.rag_status == "degraded":
            raise UnavailableError(f"{self._url} answered without documents: retrieval is degraded")
        return reply

    def _wait_s(self, attempt: int, error: OpenbookError) -> float:
        asked = error.retry_after_s if isinstance(error, OverloadedError) else None
        doubling = self._settings.retry_wait_s * 2.0 ** (attempt - 1)
        return min(doubling if asked is None else asked, self._settings.max_wait_s)

    def _unreachable(self, error: httpx.HTTPError) -> NoReturn:
        if isinstance(error, httpx.TimeoutException):
            message = (
                f"the server at {self._url} did not answer within {self._settings.timeout_s:g} s; "
                "raise compare.timeout_s or lower compare.concurrency"
            )
        else:
            message = (
                f"no server answers at {self._url} ({error or type(error).__name__}); "
                "start one with `openbook serve`, or name another with --url"
            )
        raise UnavailableError(message) from error

    def _refused(self, response: httpx.Response) -> OpenbookError:
        code = response.status_code
        message = f"{self._url} answered {code}: {_explain(response)}"
        if code == httpx.codes.TOO_MANY_REQUESTS:
            return OverloadedError(message, _retry_after_s(response, self._settings.retry_wait_s))
        if response.is_server_error:
            return UnavailableError(message)
        return _FINAL.get(code, UsageError)(message)

    def _strange(self, response: httpx.Response) -> UnavailableError:
        return UnavailableError(
            f"{response.url} answered something else than the OpenAI API describes: "
            f"{response.text[:200]!r}; is --url the address of an Openbook server?"
        )


def server_url(url: str) -> str:
    """The address without `/v1` and trailing slash; UsageError when it is not an HTTP address."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"--url {url!r} is not an address: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UsageError(f"--url {url!r} is not of the form http://HOST:PORT")
    return url.rstrip("/").removesuffix("/v1")


def _reply(body: Mapping[str, Any], latency_s: float) -> Reply:
    choice = body["choices"][0]
    text = choice["message"].get("content") or ""
    short = body.get("answer")
    rag = body.get("rag") or {}
    usage = body.get("usage") or {}
    return Reply(
        model=body["model"],
        text=text,
        answer=short if isinstance(short, str) else parse(text).short(text),
        citations=tuple(
            {name: citation.get(name) for name in CITATION}
            for citation in body.get("citations") or ()
        ),
        retrieved=tuple(hit["doc_id"] for hit in rag.get("hits") or ()),
        rag_status=rag.get("status"),
        generation=rag.get("generation"),
        unverified_quotes=_count(rag.get("unverified_quotes")),
        finish_reason=choice.get("finish_reason"),
        tokens_in=usage.get("prompt_tokens", 0),
        tokens_out=usage.get("completion_tokens", 0),
        latency_s=latency_s,
    )


def _count(value: Any) -> int:
    """Unverified quotes come as a number or as the list of them."""
    return len(value) if isinstance(value, list) else int(value or 0)


def _retry_after_s(response: httpx.Response, otherwise: float) -> float:
    """`Retry-After` in seconds; the rare date form counts as not given."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return otherwise


def _explain(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200] or response.reason_phrase
