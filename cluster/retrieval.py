"""Question -> chunks. One implementation: training sets learn from what serving will retrieve."""

from collections.abc import Sequence

from cluster.corpora import Generation
from cluster.embedder import Embedder
from cluster.records import Hit
from cluster.settings import RetrievalSettings
from cluster.vectors import SearchOptions, VectorStore


class Retriever:
    """Embeds questions in one batch and searches one generation of a corpus."""

    def __init__(
        self, embedder: Embedder, vectors: VectorStore, settings: RetrievalSettings
    ) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self._settings = settings

    def retrieve(
        self,
        generation: Generation,
        questions: Sequence[str],
        top_k: int | None = None,
        filter: str | None = None,
    ) -> list[list[Hit]]:
        """For each question its hits, best first. `filter` is a Milvus expression on chunk fields."""
        if not questions:
            return []
        wanted = top_k or self._settings.top_k
        options = SearchOptions(
            top_k=wanted,
            mode=self._settings.mode,
            candidates=max(self._settings.candidates, wanted),
            rrf_k=self._settings.rrf_k,
            filter=filter,
        )
        vectors_QE = self._embedder.embed_queries(questions)
        return self._vectors.search(generation.collection, questions, vectors_QE, options)
