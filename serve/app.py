"""The Ray Serve application: gateway -> retriever, generator. The only place that composes them.

Each replica opens its own session from settings and wraps a plain class. Calls between replicas go
through `serve.remote`.
"""

import logging
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import FastAPI
from ray import serve as ray_serve

from cluster.errors import SettingsError
from cluster.models import model_id
from cluster.prompts import PROMPT_HASH, Message
from cluster.resolve import flatten, load_settings
from cluster.session import Session
from cluster.settings import Settings
from serve.adapters.cache import AdapterCache
from serve.adapters.disk import Disk
from serve.adapters.files import AdapterFiles
from serve.adapters.fit import Fit
from serve.adapters.names import AdapterNames
from serve.admin import attempt
from serve.answer import Answerer
from serve.border import access_log
from serve.callers import Callers
from serve.catalog import Catalog
from serve.engine.choose import open_engine
from serve.engine.protocol import EngineStats, GenerationChunk, GenerationRequest
from serve.gateway import Parts, build_gateway
from serve.generator import Generator
from serve.ports import Change, Embedded, Held, Query, Retrieved
from serve.remote import RemoteGenerator, RemoteRetriever, is_alive, own_name
from serve.retriever import LiveRetriever
from serve.router import HELD
from serve.scaling import GATEWAY, GENERATOR, RETRIEVER, deployment_options


def build(args: Mapping[str, Any]) -> ray_serve.Application:
    """For `import_path: serve.app:build`: environment and file, above them `args` (nested settings)."""
    settings = load_settings(flatten(args)).settings
    if not settings.milvus.uri:
        raise SettingsError(
            "milvus.uri is not set: replicas of a deployed application cannot start a Milvus of their "
            "own; name a server (OPENBOOK_MILVUS__URI), or use `openbook serve` on one machine"
        )
    return build_app(Session.for_worker(settings).worker_settings())


def build_app(settings: Settings) -> ray_serve.Application:
    """The application; `settings` must hold for other processes (`Session.worker_settings`)."""
    options = deployment_options(settings.serve)
    logs = {"enable_access_log": False}  # the gateway writes its own, with more in it

    def deploy(replica: type, name: str, *parts: Any) -> ray_serve.Application:
        deployment = ray_serve.deployment(
            replica, name=name, logging_config=logs, max_constructor_retry_count=3, **options[name]
        )
        return deployment.bind(settings, *parts)

    retriever = deploy(RetrieverReplica, RETRIEVER)
    generator = deploy(GeneratorReplica, GENERATOR)
    return deploy(ray_serve.ingress()(GatewayReplica), GATEWAY, retriever, generator)


MIB = 1024 * 1024


class GatewayReplica:
    """The HTTP API; `ray_serve.ingress` asks it for its ASGI app once it is made."""

    def __init__(self, settings: Settings, retriever: Any, generator: Any) -> None:
        self._session = Session.for_worker(settings)
        self._retriever = RemoteRetriever(retriever)
        self._generator = RemoteGenerator(generator, own_name())
        access_log.addHandler(logging.StreamHandler(sys.stdout))
        access_log.setLevel(logging.INFO)
        access_log.propagate = False

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Called by Ray Serve after the constructor."""
        settings = self._session.settings
        serve, base_model = settings.serve, model_id(settings.models.base)
        registry = self._session.adapters
        names = AdapterNames(registry, base_model, serve.registry_ttl_s)
        parts = Parts(
            answerer=Answerer(names, self._retriever, self._generator, serve),
            catalog=Catalog(registry, base_model, serve.registry_ttl_s),
            retriever=self._retriever,
            generator=self._generator,
            holding=self._generator,
            names=names,
            embedder=model_id(settings.models.embedder),
            settings=serve,
        )
        return build_gateway(parts, echo_request_id=False)  # Serve's proxy does


class RetrieverReplica:
    """One embedder and one connection to Milvus."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]  # Serve awaits it
        session = Session.for_worker(_patient_for_no_longer(settings))
        self._retriever = LiveRetriever(
            session.corpora, session.retriever, session.embedder, settings.serve
        )
        await self._retriever.start()

    async def retrieve(self, query: Query) -> Retrieved:
        """See `serve.ports.Retrieving`."""
        return await self._retriever.retrieve(query)

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See `serve.ports.Retrieving`."""
        return await self._retriever.embed(texts)


def _patient_for_no_longer(settings: Settings) -> Settings:
    """A Milvus that hangs must not keep a thread for longer than the caller waits."""
    longest_s = min(settings.milvus.timeout_s, settings.serve.retrieval_timeout_s)
    milvus = settings.milvus.model_copy(update={"timeout_s": longest_s})
    return settings.model_copy(update={"milvus": milvus})


class GeneratorReplica:
    """One engine."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]  # Serve awaits it
        self._generator = make_generator(Session.for_worker(settings))
        self._callers = Callers(is_alive)
        await self._generator.start()

    async def fit(self, prompts: Sequence[Sequence[Message]], max_tokens: int) -> int:
        """See `serve.ports.Generating`."""
        return await self._generator.fit(prompts, max_tokens)

    async def generate(
        self, request: GenerationRequest, caller: str
    ) -> AsyncGenerator[GenerationChunk, None]:
        """See `serve.ports.Generating`; `caller` is the replica that asks."""
        async with (
            self._callers.request_of(caller),
            aclosing(self._generator.generate(request)) as stream,
        ):
            async for chunk in stream:
                yield chunk

    async def stats(self) -> EngineStats:
        """See `serve.ports.Generating`."""
        return await self._generator.stats()

    async def held(self) -> Held:
        """See `serve.ports.Holding`."""
        return Held(_replica(), self._generator.adapters())

    async def preload(self, adapter: str) -> Change:
        """See `serve.ports.Holding`."""
        return await attempt(_replica(), self._generator.preload(adapter))

    async def evict(self, adapter: str) -> Change:
        """See `serve.ports.Holding`."""
        return await attempt(_replica(), self._generator.evict(adapter))

    async def record_routing_stats(self) -> dict[str, Any]:  # on the loop that changes them
        """Asked for by Ray Serve; `serve.router` reads it."""
        return {HELD: list(self._generator.adapters())}

    async def check_health(self) -> None:
        """Called by Ray Serve; three failures replace the replica."""
        await self._generator.check()


def _replica() -> str:
    return str(ray_serve.get_replica_context().replica_id.unique_id)


def make_generator(session: Session) -> Generator:
    """The engine of the settings with its adapter cache; `start` loads the model."""
    settings = session.settings
    limits = settings.serve.engine
    engine = open_engine(settings)
    fit = Fit(model_id(settings.models.base), PROMPT_HASH, limits.max_rank)
    disk = Disk(session.cache / "adapters", limits.adapter_disk_mib * MIB)
    files = AdapterFiles(session.adapters, disk, fit, settings.serve.registry_ttl_s)
    return Generator(engine, AdapterCache(engine, files, limits.max_adapters))
