"""A gateway over a scripted engine and retriever, and what tests say to it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from cluster.adapters import AdapterRegistry
from cluster.prompts import PROMPT_HASH
from cluster.settings import ServeSettings
from serve.adapters.cache import AdapterCache
from serve.adapters.disk import Disk
from serve.adapters.files import AdapterFiles
from serve.adapters.fit import Fit
from serve.adapters.names import AdapterNames
from serve.admin import attempt
from serve.answer import Answerer
from serve.catalog import Catalog
from serve.gateway import Parts, build_gateway
from serve.generator import Generator
from serve.ports import Change, Held
from tests.serve.fakes import ScriptedEngine, StaticRetriever
from tests.serve.published import BASE_MODEL

QUOTING = [
    "Document [2] ", "says ##begin", "_quote##Hold the but", "ton for 10 seconds.##end_quote##",
    "\n<ANS", "WER>: 10 ", "seconds",
]  # fmt: skip
SHOWN = "Document [2] says “Hold the button for 10 seconds.” [2]\nAnswer: 10 seconds"
TEXTS = ("The ring turns amber.", "To reset: Hold the button for 10 seconds. Then wait.")


class OneReplica:
    """See `serve.ports.Holding`."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    async def held(self) -> list[Held]:
        return [Held("only", self.generator.adapters())]

    async def preload(self, adapter: str) -> list[Change]:
        return [await attempt("only", self.generator.preload(adapter))]

    async def evict(self, adapter: str) -> list[Change]:
        return [await attempt("only", self.generator.evict(adapter))]


@dataclass
class House:
    """A gateway over fakes, driven in one event loop."""

    registry: AdapterRegistry
    folder: Path
    engine: ScriptedEngine
    retriever: StaticRetriever
    settings: ServeSettings

    def generator(self) -> Generator:
        fit = Fit(BASE_MODEL, PROMPT_HASH, max_rank=64)
        files = AdapterFiles(self.registry, Disk(self.folder / "cache", 1 << 20), fit, retry_s=0.0)
        return Generator(self.engine, AdapterCache(self.engine, files, max_adapters=2))

    def app(self) -> FastAPI:
        generator = self.generator()
        names = AdapterNames(self.registry, BASE_MODEL, ttl_s=0.0)
        answerer = Answerer(names, self.retriever, generator, self.settings)
        catalog = Catalog(self.registry, BASE_MODEL, ttl_s=0.0)
        holding = OneReplica(generator)
        parts = Parts(
            answerer, catalog, self.retriever, generator, holding, names, "mini", self.settings
        )
        return build_gateway(parts, echo_request_id=True)

    def run(self, test: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            transport = httpx.ASGITransport(self.app(), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await asyncio.wait_for(test(client), 10)

        return asyncio.run(main())

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self.run(lambda client: client.post(path, json=body, headers=headers))

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.run(lambda client: client.get(path, headers=headers))

    def chat(self, **body: Any) -> httpx.Response:
        return self.post("/v1/chat/completions", chat_body(**body))


def chat_body(**changes: Any) -> dict[str, Any]:
    body = {"model": "base", "messages": [{"role": "user", "content": "How long?"}]}
    return {**body, **changes}


def events(response: httpx.Response) -> list[Any]:
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in response.text.split("\n\n") if line.startswith("data: ")]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line[6:]) for line in lines]


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    return response.json()["error"]
