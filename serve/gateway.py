"""The HTTP API: OpenAI-compatible chat completions, models and embeddings, and our retrieve.

A FastAPI app over plain parts, without Ray. Errors become statuses here and nowhere else.
"""

import asyncio
import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from cluster.errors import (
    NotFoundError,
    OpenbookError,
    OverloadedError,
    UnavailableError,
    UsageError,
)
from cluster.records import hit_json
from cluster.settings import ServeSettings
from serve.admin import Admin
from serve.admission import Admission
from serve.answer import Answerer
from serve.border import Border, Limits, heard, respond
from serve.catalog import Catalog
from serve.chat import Chat
from serve.ports import Generating, Holding, Naming, Query, Retrieving
from serve.problems import RESPONSES, of_error, of_status, of_validation
from serve.schema import EmbeddingRequest, RetrieveRequest

READY_S = 5.0
EMBEDDER = "embedder"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes work with. `embedder` is the id of the embedding model."""

    answerer: Answerer
    catalog: Catalog
    retriever: Retrieving
    generator: Generating
    holding: Holding
    names: Naming
    embedder: str
    settings: ServeSettings


def build_gateway(parts: Parts, echo_request_id: bool) -> FastAPI:
    """The app, for any ASGI server; `echo_request_id` where no proxy sends `x-request-id` back."""
    app = FastAPI(title="Openbook", docs_url=None, redoc_url=None, responses=RESPONSES)
    app.add_middleware(Border, limits=_limits(parts.settings), echo_request_id=echo_request_id)
    app.add_exception_handler(OpenbookError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_status)
    routes = Routes(parts)
    chat = Chat(parts.answerer, parts.settings)
    streams: dict[int | str, Any] = {200: {"content": {"text/event-stream": {}}}}
    app.post("/v1/chat/completions", response_model=None, responses=streams)(chat.__call__)
    app.get("/v1/models")(routes.models)
    app.get("/v1/models/{model:path}")(routes.model)
    app.post("/v1/embeddings", response_model=None)(routes.embeddings)
    app.post("/v1/retrieve", response_model=None)(routes.retrieve)
    app.get("/healthz")(routes.healthz)
    app.get("/readyz")(routes.readyz)
    key = parts.settings.admin_key
    if key is not None:
        Admin(parts.names, parts.holding, key.get_secret_value()).add_to(app)
    return app


def _limits(settings: ServeSettings) -> Limits:
    scale = settings.gateway
    admission = Admission(scale.max_ongoing_requests, scale.max_queued_requests)
    return Limits(settings.max_body_kib * 1024, settings.request_timeout_s, admission)


class Routes:
    """The short routes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def models(self) -> dict[str, Any]:
        """The base model and every adapter by name, version and alias."""
        return {"object": "list", "data": await self._parts.catalog.cards()}

    async def model(self, model: str) -> dict[str, Any]:
        """One model's card."""
        return await self._parts.catalog.card(model)

    async def embeddings(
        self, body: EmbeddingRequest, request: Request
    ) -> dict[str, Any] | Response:
        """Vectors of the corpus' embedder, unit length."""
        if body.model not in (EMBEDDER, self._parts.embedder):
            raise NotFoundError(
                f"embedding model {body.model!r} does not exist "
                f"(known: {EMBEDDER}, {self._parts.embedder})"
            )
        embedded = await heard(request, self._parts.retriever.embed(body.texts))
        if isinstance(embedded, Response):
            return embedded
        size = len(embedded.vectors[0])
        if body.dimensions not in (None, size):
            raise UsageError(
                f"dimensions={body.dimensions} is not possible, the vectors have {size}"
            )
        encode = _base64 if body.encoding_format == "base64" else list
        return {
            "object": "list",
            "model": self._parts.embedder,
            "data": [
                {"object": "embedding", "index": index, "embedding": encode(vector)}
                for index, vector in enumerate(embedded.vectors)
            ],
            "usage": {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens},
        }

    async def retrieve(self, body: RetrieveRequest, request: Request) -> dict[str, Any] | Response:
        """`hits` for `query`; `results` has one entry for each query in either form."""
        corpus = body.corpus or self._parts.settings.corpus
        if corpus is None:
            raise UsageError("neither corpus nor serve.corpus is set")
        query = Query(corpus, tuple(body.texts), body.top_k, body.filter, body.min_score)
        found = await heard(request, self._parts.retriever.retrieve(query))
        if isinstance(found, Response):
            return found
        results = [
            {"query": text, "hits": [hit_json(hit) for hit in hits], "notices": found.told(number)}
            for number, (text, hits) in enumerate(zip(body.texts, found.hits, strict=True))
        ]
        head = {"object": "list", "corpus": found.corpus, "generation": found.generation}
        first: dict[str, Any] = dict(results[0]) if body.query is not None else {}
        first.pop("query", None)
        return {**head, **first, "results": results}

    async def healthz(self) -> dict[str, str]:
        """This process answers."""
        return {"status": "ok"}

    async def readyz(self) -> dict[str, Any]:
        """The generator answers; a busy one counts."""
        try:
            stats = await asyncio.wait_for(self._parts.generator.stats(), READY_S)
        except OverloadedError:
            return {"status": "busy"}
        except TimeoutError as error:
            raise UnavailableError(f"the generator did not answer in {READY_S:g} s") from error
        return {"status": "ready", "running": stats.running, "waiting": stats.waiting}


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, OpenbookError)
    return respond(of_error(error))


async def _on_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return respond(of_validation(error.errors()))


async def _on_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    where = f"{request.method} {request.url.path}"
    response = respond(of_status(error.status_code, f"{where}: {error.detail}"))
    response.headers.update(error.headers or {})
    return response


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
