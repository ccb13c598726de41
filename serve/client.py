"""A question to a running server, over HTTP as any client would."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from cluster.errors import OpenbookError, UnavailableError

CHAT = "/v1/chat/completions"


def server_url(host: str, port: int) -> str:
    """Where a server that listens on `host` is reached from this machine."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


class Client:
    """Asks the server at `url`; UnavailableError when nobody is there, OpenbookError when it refuses."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s

    def ask(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer."""
        with self._explained():
            response = httpx.post(self._url + CHAT, json=body, timeout=self._timeout_s)
            _check(response)
        return dict(response.json())

    def stream(self, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The chunks of a streamed answer."""
        asked = {**body, "stream": True}
        with (
            self._explained(),
            httpx.stream("POST", self._url + CHAT, json=asked, timeout=self._timeout_s) as response,
        ):
            if response.status_code != httpx.codes.OK:
                response.read()
                _check(response)
            for line in response.iter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    yield _chunk(line.removeprefix("data: "))

    def ready(self) -> bool:
        """Whether the server is ready for questions."""
        try:
            return httpx.get(f"{self._url}/readyz", timeout=self._timeout_s).is_success
        except httpx.TransportError:
            return False

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise UnavailableError(
                f"{self._url} did not answer within {self._timeout_s:g} s"
            ) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise UnavailableError(
                f"no server at {self._url} ({error}); start one with `openbook serve`"
            ) from error


def _chunk(data: str) -> dict[str, Any]:
    chunk: dict[str, Any] = json.loads(data)
    if "error" in chunk:
        raise OpenbookError(f"the answer broke off: {chunk['error']['message']}")
    return chunk


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    try:
        message = response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = response.text[:500]
    raise OpenbookError(f"the server refused ({response.status_code}): {message}")
