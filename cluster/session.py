"""What a command or a worker works with, opened on first use and closed at the end.

The composition root of `cluster`: nothing else builds a store, a vector store or a retriever from
settings. Other processes get `worker_settings()` and open a session of their own.
"""

import sys
from contextlib import ExitStack, redirect_stdout
from functools import cached_property
from types import TracebackType
from typing import Self

from cluster.adapters import AdapterRegistry
from cluster.console import Console
from cluster.corpora import Corpora
from cluster.datasets import Datasets
from cluster.embedder import Embedder
from cluster.milvus_lite import EmbeddedMilvus
from cluster.models import embedder_dtype, embedder_path, model_id, reranker_path
from cluster.objects import ObjectStore, open_store
from cluster.rerank import Reranker
from cluster.retrieval import Retriever
from cluster.runtime import quiet_libraries, start_ray, stop_ray
from cluster.settings import Settings
from cluster.trained_models import TrainedModels
from cluster.vectors import VectorStore


class Session:
    """Context manager around everything that settings describe."""

    def __init__(self, settings: Settings, console: Console) -> None:
        home = settings.home.absolute()
        self.settings = settings.model_copy(update={"home": home})
        self.console = console
        self.cache = home / "cache"
        self._closing = ExitStack()
        quiet_libraries()
        if console.json_output:
            # Ray's warnings come on stdout whatever its logging is set to; results know their stream
            self._closing.enter_context(redirect_stdout(sys.stderr))

    @classmethod
    def for_worker(cls, settings: Settings) -> Self:
        """A session inside a Ray worker or replica, from `worker_settings()` of the driver."""
        return cls(settings, Console(quiet=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()

    @cached_property
    def store(self) -> ObjectStore:
        """The object store."""
        return open_store(self.settings)

    @cached_property
    def corpora(self) -> Corpora:
        """Generations and which is live."""
        return Corpora(self.store)

    @cached_property
    def datasets(self) -> Datasets:
        """Training sets."""
        return Datasets(self.store)

    @cached_property
    def adapters(self) -> AdapterRegistry:
        """Adapter versions and aliases."""
        return AdapterRegistry(self.store)

    @cached_property
    def trained_models(self) -> TrainedModels:
        """Whole models that training made."""
        return TrainedModels(self.store)

    @cached_property
    def milvus_uri(self) -> str:
        """Address of Milvus; starts the embedded server when none is set."""
        if self.settings.milvus.uri:
            return self.settings.milvus.uri
        server = EmbeddedMilvus(self.settings.home / "milvus")
        return self._closing.enter_context(server).uri

    @cached_property
    def vectors(self) -> VectorStore:
        """The vector store."""
        store = VectorStore(self.settings.milvus, self.milvus_uri)
        self._closing.callback(store.close)
        return store

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder; its weights load on first use."""
        models = self.settings.models
        return Embedder(embedder_path(models), embedder_dtype(models), models.embedder_batch_tokens)

    @cached_property
    def retriever(self) -> Retriever:
        """Question -> chunks."""
        settings, name = self.settings.retrieval, model_id(self.settings.models.embedder)
        return Retriever(self.embedder, self.vectors, settings, name, self._reranker())

    def _reranker(self) -> Reranker | None:
        setting = self.settings.retrieval.rerank_model
        if not setting:
            return None
        return Reranker(reranker_path(setting), embedder_dtype(self.settings.models))

    def start_ray(self) -> None:
        """Ray for this process; what this call started ends with the session."""
        if start_ray(self.settings.ray):
            self._closing.callback(stop_ray)

    def worker_settings(self) -> Settings:
        """Settings for other processes: paths absolute, the embedded Milvus by its address."""
        milvus = self.settings.milvus.model_copy(update={"uri": self.milvus_uri})
        store = self.settings.store.model_copy(update={"url": self.settings.store_url()})
        return self.settings.model_copy(update={"milvus": milvus, "store": store})
