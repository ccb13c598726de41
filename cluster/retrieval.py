"""Question -> chunks. One implementation: training sets learn from what serving will retrieve."""

from collections.abc import Sequence

from cluster.corpora import Generation
from cluster.embedder import Embedder
from cluster.errors import ConflictError
from cluster.records import Hit
from cluster.settings import RetrievalSettings
from cluster.vectors import SearchOptions, VectorStore


class Retriever:
    """Embeds questions in one batch and searches one generation of a corpus.

    With `embedder_id` (see `cluster.models.model_id`) a generation of another embedder is refused:
    vectors of two models cannot be compared.
    """

    def __init__(
        self,
        embedder: Embedder,
        vectors: VectorStore,
        settings: RetrievalSettings,
        embedder_id: str | None = None,
    ) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self._settings = settings
        self._embedder_id = embedder_id

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
        wanted = top_k or self._settings.top_k
        options = SearchOptions(
            top_k=wanted,
            mode=self._settings.mode,
            candidates=max(self._settings.candidates, wanted),
            rrf_k=self._settings.rrf_k,
            filter=filter,
            fresh=fresh,
        )
        vectors_QE = self._embedder.embed_queries(questions)
        return self._vectors.search(generation.collection, questions, vectors_QE, options)

    def _check_embedder(self, generation: Generation) -> None:
        if self._embedder_id in (None, generation.embedder):
            return
        raise ConflictError(
            f"generation {generation.generation} of corpus {generation.corpus!r} was embedded with "
            f"{generation.embedder!r}, models.embedder is {self._embedder_id!r}; set models.embedder to "
            "that model, or ingest the corpus again with this one"
        )
