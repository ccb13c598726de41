"""Question -> chunks. One implementation: training sets learn from what serving will retrieve."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cluster.corpora import Generation
from cluster.embedder import Embedder
from cluster.equal_hits import fold
from cluster.errors import ConflictError
from cluster.questions import check_question, check_text
from cluster.records import Hit
from cluster.rerank import Reranker
from cluster.settings import RetrievalSettings
from cluster.vectors import SearchOptions, VectorStore

# hits to ask for beyond those that are wanted, because some texts stand there twice
_SPARE = 2
_DEEPEST = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search should give: `top_k` hits (None: as many as the settings say).

    `filter` is a Milvus expression on chunk fields; `fresh` sees every acknowledged write. Hits whose
    score, the cosine, is below `min_score` are left out, found by words or not (None: as the settings say).
    """

    top_k: int | None = None
    filter: str | None = None
    fresh: bool = False
    min_score: float | None = None


class Retriever:
    """Embeds questions in one batch and searches one generation of a corpus.

    With `embedder_id` (see `cluster.models.model_id`) a generation of another embedder is refused:
    vectors of two models cannot be compared. With a `reranker` it has the last word on the order. Hits
    with equal texts are one (`cluster/equal_hits.py`).
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

        `fresh` sees every acknowledged write. ConflictError for a generation of another embedder,
        UsageError for a question that is blank or no text.
        """
        return self.retrieve_wanted(generation, questions, Wanted(top_k, filter, fresh))

    def retrieve_wanted(
        self, generation: Generation, questions: Sequence[str], wanted: Wanted
    ) -> list[list[Hit]]:
        """As `retrieve`, with all that can be wanted."""
        if not questions:
            return []
        self._check_embedder(generation)
        return self.search(generation, questions, self.embed(questions), wanted)

    def embed(self, questions: Sequence[str]) -> np.ndarray:
        """`vectors_QE` to search with; UsageError for a question that is blank or no text."""
        for question in questions:
            check_question(question)
        return self._embedder.embed_queries(questions)

    def notices(self, question: str) -> tuple[str, ...]:
        """What to tell whoever asks: that the question is longer than the embedder reads."""
        notice = self._embedder.question_notice(question)
        return (notice,) if notice else ()

    def search(
        self,
        generation: Generation,
        questions: Sequence[str],
        vectors_QE: np.ndarray,
        wanted: Wanted,
    ) -> list[list[Hit]]:
        """As `retrieve`, for questions that are embedded already: one call of Milvus for all of them.

        Questions whose hits have few different texts are searched again, deeper.
        """
        self._check_embedder(generation)
        check_text("the filter", wanted.filter or "")
        top_k = wanted.top_k or self._settings.top_k
        depth = top_k if self._reranker is None else max(top_k, self._settings.rerank_candidates)
        found = self._distinct(generation, questions, vectors_QE, wanted, depth)
        return found if self._reranker is None else self._reranker.rerank(questions, found, top_k)

    def _distinct(
        self,
        generation: Generation,
        questions: Sequence[str],
        vectors_QE: np.ndarray,
        wanted: Wanted,
        depth: int,
    ) -> list[list[Hit]]:
        """For each question `depth` hits of different texts, fewer where there are no more."""
        settings = self._settings
        min_score = settings.min_score if wanted.min_score is None else wanted.min_score
        asked = depth * _SPARE if min_score is None else max(depth * _SPARE, settings.candidates)
        found: list[list[Hit]] = [[] for _ in questions]
        rows = list(range(len(questions)))
        while rows:
            texts = [questions[row] for row in rows]
            options = self._options(min(asked, _DEEPEST), wanted)
            hits = self._vectors.search(generation.collection, texts, vectors_QE[rows], options)
            lacking = []
            for row, some in zip(rows, hits, strict=True):
                texts_apart = fold(some)
                found[row] = _passing(texts_apart, min_score)[:depth]
                if len(texts_apart) < depth and len(some) == options.top_k < _DEEPEST:
                    lacking.append(row)
            rows, asked = lacking, asked * 4
        return found

    def _options(self, depth: int, wanted: Wanted) -> SearchOptions:
        settings = self._settings
        return SearchOptions(
            top_k=depth,
            mode=settings.mode,
            candidates=max(settings.candidates, depth),
            dense_weight=settings.dense_weight,
            filter=wanted.filter,
            fresh=wanted.fresh,
        )

    def _check_embedder(self, generation: Generation) -> None:
        if self._embedder_id in (None, generation.embedder):
            return
        raise ConflictError(
            f"generation {generation.generation} of corpus {generation.corpus!r} was embedded with "
            f"{generation.embedder!r}, models.embedder is {self._embedder_id!r}; set models.embedder to "
            "that model, or ingest the corpus again with this one"
        )


def _passing(hits: Sequence[Hit], min_score: float | None) -> list[Hit]:
    if min_score is None:
        return list(hits)
    passing = [hit for hit in hits if hit.score >= min_score]
    return [replace(hit, rank=rank) for rank, hit in enumerate(passing, 1)]
