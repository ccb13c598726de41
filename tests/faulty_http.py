"""A proxy on loopback that does to requests what a bad day does: errors, cuts and silence.

Every fault is told by `next_fault`, which the test gives; the server behind it stays as it is.
"""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlparse

Fault = Literal["500", "503", "cut before", "cut after", "cut body", "silence"]
FAULTS: tuple[Fault, ...] = ("500", "503", "cut before", "cut after", "cut body", "silence")
_SILENCE_S = 30.0
_OWN_HEADERS = {"transfer-encoding", "connection", "content-length"}


@contextmanager
def faulty_proxy(upstream: str, next_fault: Callable[[], Fault | None]) -> Iterator[str]:
    """The proxy's URL; `next_fault` is asked once a request (None: pass it on)."""
    server = _Proxy(upstream, next_fault)
    thread = threading.Thread(target=server.serve_forever, name="faulty proxy", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream: str, next_fault: Callable[[], Fault | None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlparse(upstream)
        self.next_fault = next_fault
        self.closing = threading.Event()

    def handle_error(self, *_args: object) -> None:
        """A client that gave up is what the test is about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def log_message(self, *_args: object) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        body = self._read()
        fault = self.server.next_fault()
        if fault in ("500", "503"):
            self._answer(int(fault), b"<Error><Code>SlowDown</Code></Error>")
        elif fault in ("cut before", "silence"):
            if fault == "silence":
                self.server.closing.wait(_SILENCE_S)
            self._cut()
        else:
            self._forward(body, fault)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle

    def _read(self) -> bytes:
        """The body, also where it comes in chunks, as from pyarrow."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def _forward(self, body: bytes, fault: Fault | None) -> None:
        upstream = self.server.upstream
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port)
        asked = {
            n: v for n, v in self.headers.items() if n.lower() not in _OWN_HEADERS | {"expect"}
        }
        connection.request(self.command, self.path, body, asked)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if fault == "cut after" or (fault == "cut body" and not data):
            self._cut()
            return
        kept = {n: v for n, v in answer.getheaders() if n.lower() not in _OWN_HEADERS}
        if self.command == "HEAD":
            kept["Content-Length"] = answer.getheader("Content-Length") or "0"
        self._answer(answer.status, data, kept, whole=fault != "cut body")

    def _answer(
        self, status: int, data: bytes, headers: dict[str, str] | None = None, whole: bool = True
    ) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data if whole else data[: len(data) // 2])
        if not whole:
            self._cut()

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()
