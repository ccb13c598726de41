"""Hits in a better order: a cross-encoder reads question and chunk together.

Slower than comparing vectors by far, so it sees only the candidates that the search found. A hit keeps
its score, the cosine to the question: only the order, and with it the rank, is the cross-encoder's.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import Any

from cluster.records import Hit


class Reranker:
    """Loads the cross-encoder at `path` (folder or Hugging Face id) on first use.

    `dtype` is the name of a torch dtype.
    """

    def __init__(self, path: str, dtype: str = "float32") -> None:
        self._path = path
        self._dtype = dtype
        self._one_at_a_time = Lock()  # a fast tokenizer is not to be used by two threads

    def rerank(
        self, questions: Sequence[str], found: Sequence[Sequence[Hit]], top_k: int
    ) -> list[list[Hit]]:
        """For each question the `top_k` of its hits, best first; all pairs are scored in one call."""
        pairs = [
            (question, hit.chunk.text)
            for question, hits in zip(questions, found, strict=True)
            for hit in hits
        ]
        scores = iter(self._scores(pairs))
        return [_best([(next(scores), hit) for hit in hits], top_k) for hits in found]

    def _scores(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        if not pairs:
            return []
        with self._one_at_a_time:
            scores_N = self._model.predict(list(pairs), show_progress_bar=False)
        return [float(score) for score in scores_N]

    @cached_property
    def _model(self) -> Any:
        from sentence_transformers import CrossEncoder

        return CrossEncoder(self._path, model_kwargs={"dtype": self._dtype})


def _best(scored: Sequence[tuple[float, Hit]], top_k: int) -> list[Hit]:
    """Equal scores keep the order of the search."""
    ordered = sorted(scored, key=lambda pair: -pair[0])[:top_k]
    return [replace(hit, rank=rank) for rank, (_, hit) in enumerate(ordered, 1)]
