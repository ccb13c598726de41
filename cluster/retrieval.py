"""Question -> chunks. One implementation: training sets learn from what serving will retrieve."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cluster.corpora import Generation
from cluster.embedder import Embedder
from cluster.errors import ConflictError
from cluster.records import Hit
from cluster.rerank import Reranker
from cluster.settings import RetrievalSettings
from cluster.vectors import SearchOptions, VectorStore


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search should give: `top_k` hits (None: as many as the settings say).

    `filter` is a Milvus expression on chunk fields; `fresh` sees every acknowledged write.
    """

    top_k: int | None = None
    filter: str | None = None
    fresh: bool = False


class Retriever:
    """Embeds questions in one batch and searches one generation of a corpus.

    With `embedder_id` (see `cluster.models.model_id`) a generation of another embedder is refused:
    vectors of two models cannot be compared. With a `reranker` it has the last word on the order.
    """

    def __init__(
        self,
        embedder: Embedder,
        vectors: VectorStore,
        settings: RetrievalSettings,
        embedder_id: str | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self._settings = settings
        self._embedder_id = embedder_id
        self._reranker = reranker

    def retrieve(
        self,
        generation: Generation,
        questions: Sequence[str],
        top_k: int | None = None,
        filter: str | None = None,
        fresh: bool = False,
    ) -> list[list[Hit]]:
        """For each question its hits, best first. `filter` is a Milvus expression on chunk fields.

        `fresh` sees every acknowledged write. ConflictError for a generation of another embedder.
        """
        if not questions:
            return []
        self._check_embedder(generation)
        wanted = Wanted(top_k, filter, fresh)
        return self.search(generation, questions, self.embed(questions), wanted)

    def embed(self, questions: Sequence[str]) -> np.ndarray:
        """`vectors_QE` to search with."""
        return self._embedder.embed_queries(questions)

    def search(
        self,
        generation: Generation,
        questions: Sequence[str],
        vectors_QE: np.ndarray,
        wanted: Wanted,
    ) -> list[list[Hit]]:
        """As `retrieve`, for questions that are embedded already: one call of Milvus for all of them."""
        self._check_embedder(generation)
        settings = self._settings
        top_k = wanted.top_k or settings.top_k
        depth = top_k if self._reranker is None else max(top_k, settings.rerank_candidates)
        options = SearchOptions(
            top_k=depth,
            mode=settings.mode,
            candidates=max(settings.candidates, depth),
            dense_weight=settings.dense_weight,
            filter=wanted.filter,
            fresh=wanted.fresh,
        )
        found = self._vectors.search(generation.collection, questions, vectors_QE, options)
        return found if self._reranker is None else self._reranker.rerank(questions, found, top_k)

    def _check_embedder(self, generation: Generation) -> None:
        if self._embedder_id in (None, generation.embedder):
            return
        raise ConflictError(
            f"generation {generation.generation} of corpus {generation.corpus!r} was embedded with "
            f"{generation.embedder!r}, models.embedder is {self._embedder_id!r}; set models.embedder to "
            "that model, or ingest the corpus again with this one"
        )
