"""Fakes at our borders: what stands on the other side of HTTP."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cluster.prompts import parse


class Loopback:
    """Any ASGI app over real HTTP on a free loopback port, in a thread, while the context lasts."""

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._socket = config.bind_socket()
        self._socket.listen()
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()  # the socket listens already: requests wait until it is up
        return self

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


class FakeOpenAI:
    """The HTTP API of a server as an ASGI app: scripted models, answers and failures.

    `models` maps what may be asked for to what serves; `answer(model, rag, question)` gives the text.
    `failures` are (status, headers) for the next requests; a question in `broken` always gets 500.
    """

    generation, status = "g1", "used"

    def __init__(self, models: Mapping[str, str], answer: Callable[[str, bool, str], str]) -> None:
        self.models, self.answer = dict(models), answer
        self.failures: deque[tuple[int, dict[str, str]]] = deque()
        self.broken: set[str] = set()
        self.bodies: list[dict[str, Any]] = []
        self.app = Starlette(
            routes=[
                Route("/v1/models", self._list),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
            ]
        )

    async def _list(self, request: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": name, "root": "tiny"} for name in self.models]})

    async def _chat(self, request: Request) -> JSONResponse:
        body = await request.json()
        self.bodies.append(body)
        question, rag = body["messages"][-1]["content"], body["rag"]["mode"] == "on"
        status, headers = self.failures.popleft() if self.failures else (200, {})
        if status != 200 or question in self.broken:
            error = {"error": {"message": "scripted trouble"}}
            return JSONResponse(error, status if status != 200 else 500, headers)
        served = self.models.get(body["model"], body["model"])
        text = self.answer(served, rag, question)
        cited = [{"index": 1, "doc_id": "right", "title": "A title", "quote": "so it is"}]
        return JSONResponse({
            "model": served,
            "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
            "answer": parse(text).answer,
            "citations": cited if rag else [],
            "rag": {
                "status": self.status if rag else "skipped",
                "generation": self.generation if rag else None,
                "hits": [{"doc_id": "right"}, {"doc_id": "wrong"}] if rag else [],
            },
            "usage": {"prompt_tokens": 100 if rag else 10, "completion_tokens": 5},
        })  # fmt: skip
