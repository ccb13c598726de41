"""A teacher on loopback: an OpenAI-compatible endpoint that knows its documents, and can misbehave.

It writes a question for every sentence with a number, answers with that number, and counts everything
that a bill would. `trouble(call, attempt)` decides what goes wrong with an attempt of a call.
"""

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

from cluster.prompts import ANSWER_MARK, QUOTE_BEGIN, QUOTE_END

HANG_S = 30.0
_NUMBER = re.compile(r"\b\d+\b")


@dataclass(frozen=True)
class Trouble:
    """An error answer; or what happens to the connection instead of one."""

    status: int = 500
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["error", "cut", "cut_body", "hang", "garbage"] = "error"


Troubles = Callable[[str, int], Trouble | None]


def no_trouble(key: str, attempt: int) -> Trouble | None:
    return None


class FakeTeacher:
    """Context manager. `answered` counts answers sent in full by call, `attempts` all requests."""

    def __init__(
        self, trouble: Troubles = no_trouble, delay_s: float = 0.0, text: str | None = None
    ) -> None:
        self.trouble, self.delay_s, self.text = trouble, delay_s, text
        self.finish_reason = "stop"
        self.attempts: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.arrived: list[float] = []
        self.headers: list[Mapping[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.tokens_in = self.tokens_out = self.most_active = self._active = 0
        self._lock = threading.Lock()
        self._done = threading.Event()
        handler = type("Handler", (_Handler,), {"teacher": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._server.shutdown()
        self._server.server_close()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """One request, counted as active until it is answered."""
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        key = str(handler.headers["Idempotency-Key"])
        with self._lock:
            self.attempts[key] += 1
            attempt = self.attempts[key]
            self.arrived.append(time.monotonic())
            self.bodies.append(body)
            self.headers.append(dict(handler.headers))
            self._active += 1
            self.most_active = max(self.most_active, self._active)
        self._done.wait(self.delay_s)
        trouble = self.trouble(key, attempt)
        reply = self._reply(body)
        # no longer active once the client may know the answer and send the next call
        with self._lock:
            self._active -= 1
            if trouble is None:
                self.answered[key] += 1
                self.tokens_in += reply["usage"]["prompt_tokens"]
                self.tokens_out += reply["usage"]["completion_tokens"]
        if trouble is None:
            _send(handler, 200, json.dumps(reply).encode())
        else:
            self._misbehave(handler, trouble, reply)

    def _misbehave(
        self, handler: BaseHTTPRequestHandler, trouble: Trouble, reply: Mapping[str, Any]
    ) -> None:
        if trouble.kind == "hang":
            self._done.wait(HANG_S)
        elif trouble.kind == "garbage":
            _send(handler, 200, b"<html>gateway</html>")
        elif trouble.kind == "error":
            error = {
                "message": f"scripted {handler.headers['Authorization']}",
                "code": trouble.code,
            }
            _send(handler, trouble.status, json.dumps({"error": error}).encode(), trouble.headers)
        else:
            if trouble.kind == "cut_body":
                handler.send_response(200)
                handler.send_header("Content-Length", "100000")
                handler.end_headers()
                handler.wfile.write(json.dumps(reply).encode()[:40])
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)

    def _reply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        system, user = (message["content"] for message in body["messages"])
        text = self.text if self.text is not None else answer_to(user)
        if self.finish_reason == "length":
            text = text[: len(text) // 2]
        return {
            "model": f"{body['model']}-2026",
            "choices": [{"message": {"content": text}, "finish_reason": self.finish_reason}],
            "usage": {
                "prompt_tokens": (len(system) + len(user)) // 3,
                "completion_tokens": -(-len(text) // 4),
            },
        }


def answer_to(user: str) -> str:
    """What the teacher writes: questions when asked for them, else a quoting answer."""
    document = user.partition("<document>\n")[2].partition("\n</document>")[0]
    facts = [line for line in document.split("\n")[1:] if _NUMBER.search(line)]
    if wanted := re.search(r"Write (\d+) questions\.$", user):
        asked = [f"Which number fits: {_NUMBER.sub('?', fact)}" for fact in facts]
        return json.dumps({"questions": asked[: int(wanted[1])]})
    question = user.rpartition("Question: Which number fits: ")[2]
    fact = next(fact for fact in facts if _NUMBER.sub("?", fact) == question)
    number = _NUMBER.findall(fact)[-1]
    quote = f"{QUOTE_BEGIN}{fact}{QUOTE_END}"
    return f"{quote}\nThe number that fits is {number}.\n{ANSWER_MARK} {number}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    teacher: FakeTeacher

    def do_POST(self) -> None:
        self.teacher.handle(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def _send(
    handler: BaseHTTPRequestHandler, status: int, data: bytes, headers: Mapping[str, str] = {}
) -> None:
    handler.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(data))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)
