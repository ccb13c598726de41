"""One search in one collection of Milvus: by vectors, by words, or by both together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pymilvus import MilvusClient

from cluster.fusion import fuse
from cluster.records import Hit
from cluster.rows import PAYLOAD, hits_of
from cluster.words import question_words

Mode = Literal["hybrid", "dense", "sparse"]
_READ_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How to search: `top_k` hits; `filter` is a Milvus expression.

    Hybrid search joins `candidates` by vectors and as many by words; of their scores vectors make up
    `dense_weight`. `fresh` waits until every acknowledged write is seen; without, the last seconds may be
    missing.
    """

    top_k: int
    mode: Mode
    candidates: int
    dense_weight: float
    filter: str | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class CollectionSearch:
    """`fields` are those of the collection: older ones have fewer."""

    client: MilvusClient
    collection: str
    fields: frozenset[str]
    options: SearchOptions
    timeout_s: float

    def hits(self, texts: Sequence[str], vectors_QE: np.ndarray) -> list[list[Hit]]:
        """For each question its hits, best first."""
        options = self.options
        if options.mode == "hybrid":
            found = self._both(texts, vectors_QE)
        elif options.mode == "sparse":
            found = self._rows_of(self._by_words(texts, options.top_k, self._payload()))
        else:
            found = self._rows_of(self._by_vectors(vectors_QE, options.top_k, self._payload()))
        return [hits_of(rows, query_E) for rows, query_E in zip(found, vectors_QE, strict=True)]

    def _both(self, texts: Sequence[str], vectors_QE: np.ndarray) -> list[list[Any]]:
        """Ids and scores of both, then the rows of the best."""
        options = self.options
        limit = max(options.candidates, options.top_k)
        dense, sparse = self._by_vectors(vectors_QE, limit), self._by_words(texts, limit)
        best = [
            fuse(_scores(by_vectors), _bm25(by_words), options.dense_weight)[: options.top_k]
            for by_vectors, by_words in zip(dense, sparse, strict=True)
        ]
        rows = self._read(sorted({name for names in best for name in names}))
        return [[rows[name] for name in names if name in rows] for names in best]

    def _by_vectors(
        self, vectors_QE: np.ndarray, limit: int, fields: Sequence[str] = ()
    ) -> list[Any]:
        return self._search("dense", vectors_QE.tolist(), limit, fields)

    def _by_words(self, texts: Sequence[str], limit: int, fields: Sequence[str] = ()) -> list[Any]:
        """Nothing for a question without a word. Where there is no field for words, Milvus finds them."""
        analyzed = "words" in self.fields
        asked = [question_words(text) if analyzed else text for text in texts]
        some = [text for text in asked if text.strip()]
        found = iter(self._search("sparse", some, limit, fields) if some else ())
        return [next(found) if text.strip() else [] for text in asked]

    def _search(self, name: str, data: list[Any], limit: int, fields: Sequence[str]) -> list[Any]:
        found = self.client.search(
            self.collection,
            data,
            anns_field=name,
            filter=self.options.filter or "",
            limit=limit,
            output_fields=list(fields),
            **self._how(),
        )
        return list(found)

    def _read(self, chunk_ids: Sequence[str]) -> dict[str, Any]:
        """Rows by id; those that were deleted meanwhile are missing."""
        rows: dict[str, Any] = {}
        for start in range(0, len(chunk_ids), _READ_AT_ONCE):
            found = self.client.get(
                self.collection,
                ids=list(chunk_ids[start : start + _READ_AT_ONCE]),
                output_fields=["chunk_id", *self._payload()],
                **self._how(),
            )
            rows.update((row["chunk_id"], row) for row in found)
        return rows

    def _rows_of(self, found: Sequence[Any]) -> list[list[Any]]:
        return [[{**row["entity"], "chunk_id": _id(row)} for row in rows] for rows in found]

    def _payload(self) -> list[str]:
        return [name for name in (*PAYLOAD, "dense") if name in self.fields]

    def _how(self) -> dict[str, Any]:
        fresh = {"consistency_level": "Strong"} if self.options.fresh else {}
        return {"timeout": self.timeout_s, **fresh}


def _scores(rows: Sequence[Any]) -> dict[str, float]:
    return {_id(row): float(row["distance"]) for row in rows}


def _bm25(rows: Sequence[Any]) -> dict[str, float]:
    """Milvus Lite gives them below 0, as distances."""
    return {name: abs(score) for name, score in _scores(rows).items()}


def _id(row: Any) -> str:
    return str(row["chunk_id"] if "chunk_id" in row else row["id"])
