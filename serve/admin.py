"""`/admin/adapters`: what each generator replica holds; load an adapter ahead of time, forget one.

Behind a key of its own (`serve.admin_key`); without one the routes do not exist.
"""

import secrets
from collections.abc import Coroutine, Sequence
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from cluster.errors import NotFoundError, OpenbookError, UsageError
from serve.adapters.names import exact
from serve.border import respond
from serve.ports import Change, Holding, Naming
from serve.problems import UNAUTHORIZED
from serve.schema import AdapterRequest

Outcome = Literal["loaded", "evicted", "not loaded"]


class Admin:
    """The routes, for who sends `Authorization: Bearer KEY`."""

    def __init__(self, names: Naming, holding: Holding, key: str) -> None:
        self._names = names
        self._holding = holding
        self._key = key.encode()

    def add_to(self, app: FastAPI) -> None:
        """Register them."""
        app.get("/admin/adapters", response_model=None)(self.adapters)
        app.post("/admin/adapters/preload", response_model=None)(self.preload)
        app.post("/admin/adapters/evict", response_model=None)(self.evict)

    async def adapters(self, request: Request) -> Response:
        """Loaded adapters by replica, with the number of requests that use each."""
        if not self._allows(request):
            return respond(UNAUTHORIZED)
        held = await self._holding.held()
        replicas = [
            {
                "replica": one.replica,
                "adapters": [{"id": id, "in_use": used} for id, used in one.adapters.items()],
            }
            for one in sorted(held, key=lambda one: one.replica)
        ]
        return JSONResponse({"object": "list", "replicas": replicas})

    async def preload(self, body: AdapterRequest, request: Request) -> Response:
        """Load an adapter in every replica."""
        if not self._allows(request):
            return respond(UNAUTHORIZED)
        adapter = await self._names.resolve(body.model)
        if adapter is None:
            raise UsageError(f"{body.model!r} is the base model, which is always loaded")
        return _reply(adapter, await self._holding.preload(adapter))

    async def evict(self, body: AdapterRequest, request: Request) -> Response:
        """Forget an adapter in every replica where no request uses it."""
        if not self._allows(request):
            return respond(UNAUTHORIZED)
        adapter = await self._loaded(body.model)
        return _reply(adapter, await self._holding.evict(adapter))

    async def _loaded(self, model: str) -> str:
        """A version may be loaded that is no longer in the registry."""
        try:
            adapter = await self._names.resolve(model)
        except NotFoundError:
            if "@" not in model:
                raise
            return str(exact(model))
        if adapter is None:
            raise UsageError(f"{model!r} is the base model, which cannot be evicted")
        return adapter

    def _allows(self, request: Request) -> bool:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        given = key.strip().encode("utf-8", "surrogateescape")
        return scheme.lower() == "bearer" and secrets.compare_digest(given, self._key)


async def attempt(replica: str, order: Coroutine[Any, Any, Outcome]) -> Change:
    """What became of an order, so that one replica's trouble does not hide what the others did."""
    try:
        return Change(replica, await order)
    except OpenbookError as error:
        return Change(replica, "failed", error)


def _reply(adapter: str, changes: Sequence[Change]) -> Response:
    """What each replica did; where none did anything, the first one's error."""
    errors = [change.error for change in changes if change.error is not None]
    if errors and len(errors) == len(changes):
        raise errors[0]
    replicas = [
        {
            "replica": change.replica,
            "outcome": change.outcome,
            "error": None if change.error is None else str(change.error),
        }
        for change in changes
    ]
    return JSONResponse({"adapter": adapter, "replicas": replicas})
