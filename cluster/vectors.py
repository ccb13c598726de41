"""Milvus: one collection per index of a corpus, written by upsert only; the only file with pymilvus.

A row is a chunk with its dense vector (cosine) and, where the server has BM25 functions (Milvus 2.5+,
Milvus Lite 3+), a sparse vector that the server derives from `text`. Hybrid search fuses both by
reciprocal rank on the server; older servers search dense only. Raw BM25 scores are never shown
(Milvus Lite returns them negative): a hit's score is its cosine, its rank the fused order.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import grpc
import numpy as np
from pymilvus import (
    AnnSearchRequest,
    DataType,
    Function,
    FunctionType,
    MilvusClient,
    MilvusException,
    RRFRanker,
)

from cluster.errors import NotFoundError, UnavailableError, UsageError
from cluster.records import Chunk, Hit
from cluster.settings import MilvusSettings

ROW_SCHEMA = "1"  # part of an index's name: a changed row schema is a new collection
_PAYLOAD = ["doc_id", "uri", "title", "text", "page", "start", "end", "tokens", "metadata"]
_MAX_BYTES = {"chunk_id": 64, "doc_id": 1024, "uri": 4096, "title": 4096, "text": 65535}
_NO_PAGE = -1
_FILTER_SIGNS = ("expr", "parse", "at column")  # of Milvus and of Milvus Lite
_ID_PAGE = 8192
# pymilvus pings idle channels every 10 s; Milvus Lite's server answers that with GOAWAY
_KEEPALIVE = {"grpc.keepalive_time_ms": 300_000, "grpc.keepalive_permit_without_calls": False}
_NOT_LOADED = ("released", "not loaded", "notload")


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How to search: `top_k` hits from `candidates` of each leg; `filter` is a Milvus expression."""

    top_k: int
    mode: Literal["hybrid", "dense"]
    candidates: int
    rrf_k: int
    filter: str | None = None


class VectorStore:
    """A client of one Milvus. Connects on first use; `close` when done."""

    def __init__(self, settings: MilvusSettings, uri: str) -> None:
        self._settings = settings
        self.uri = uri

    @cached_property
    def full_text(self) -> bool:
        """Whether the server has BM25 functions."""
        with self._explained():
            version = str(self._client.get_server_version()).lstrip("v")
        if "lite" in version.lower():
            return True
        major, minor = (int(part) for part in version.split("-")[0].split(".")[:2])
        return (major, minor) >= (2, 5)

    def exists(self, collection: str) -> bool:
        """Whether the collection is there."""
        with self._explained():
            return bool(self._client.has_collection(collection))

    def ensure(self, collection: str, dimension: int) -> None:
        """Make the collection if needed and load it; idempotent."""
        with self._explained():
            if not self._client.has_collection(collection):
                schema, index = self._schema(dimension)
                self._client.create_collection(collection, schema=schema, index_params=index)
            self._client.load_collection(collection)

    def upsert(self, collection: str, chunks: Sequence[Chunk], vectors_NE: np.ndarray) -> int:
        """Write or replace rows by `chunk_id`; returns how many."""
        if not chunks:
            return 0
        rows = [_row(c, vector) for c, vector in zip(chunks, vectors_NE.tolist(), strict=True)]
        with self._explained():
            self._client.upsert(collection, rows, timeout=self._settings.timeout_s)
        return len(rows)

    def delete(self, collection: str, chunk_ids: Sequence[str]) -> None:
        """Remove rows; ids that are not there are no error."""
        with self._explained():
            for start in range(0, len(chunk_ids), 1000):
                self._client.delete(collection, ids=list(chunk_ids[start : start + 1000]))

    def count(self, collection: str) -> int:
        """Rows, counting every acknowledged write."""
        with self._explained():
            found = self._on_loaded(
                collection,
                lambda: self._client.query(
                    collection, filter="", output_fields=["count(*)"], consistency_level="Strong"
                ),
            )
        return int(found[0]["count(*)"])

    def chunk_ids(self, collection: str) -> set[str]:
        """The ids of all rows."""
        found: set[str] = set()
        with self._explained():
            pages = self._on_loaded(
                collection,
                lambda: self._client.query_iterator(
                    collection,
                    batch_size=_ID_PAGE,
                    output_fields=["chunk_id"],
                    consistency_level="Strong",
                ),
            )
            while page := pages.next():
                found.update(row["chunk_id"] for row in page)
            pages.close()
        return found

    def drop(self, collection: str) -> None:
        """Remove the collection; no error when it is not there."""
        with self._explained():
            self._client.drop_collection(collection)

    def search(
        self,
        collection: str,
        texts: Sequence[str],
        vectors_QE: np.ndarray,
        options: SearchOptions,
    ) -> list[list[Hit]]:
        """For each query its hits, best first; empty lists for an empty collection."""
        common: dict[str, Any] = {
            "limit": options.top_k,
            "output_fields": [*_PAYLOAD, "dense"],
            "timeout": self._settings.timeout_s,
        }

        def run() -> Any:
            if options.mode == "hybrid" and self.full_text:
                legs = _legs(texts, vectors_QE, options)
                ranker = RRFRanker(options.rrf_k)
                return self._client.hybrid_search(collection, legs, ranker, **common)
            filter = options.filter or ""
            queries = vectors_QE.tolist()
            return self._client.search(
                collection, queries, anns_field="dense", filter=filter, **common
            )

        with self._explained(collection):
            found = self._on_loaded(collection, run)
        return [_hits(rows, query) for rows, query in zip(found, vectors_QE, strict=True)]

    def close(self) -> None:
        """Drop the connection."""
        if "_client" in self.__dict__:
            self._client.close()
            del self.__dict__["_client"]

    def _on_loaded(self, collection: str, run: Callable[[], Any]) -> Any:
        """`run()`; if the server has the collection but not in memory (it was restarted), load it."""
        try:
            return run()
        except MilvusException as error:
            if not any(word in str(error.message).lower() for word in _NOT_LOADED):
                raise
        self._client.load_collection(collection)
        return run()

    @cached_property
    def _client(self) -> MilvusClient:
        # pymilvus prints a traceback for each refused call; our errors say the same in one line
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        s = self._settings
        options: dict[str, Any] = {
            "server_pem_path": s.server_pem_path,
            "server_name": s.server_name,
        }
        return MilvusClient(
            uri=self.uri,
            token=s.token.get_secret_value() if s.token else "",
            user=s.user or "",
            password=s.password.get_secret_value() if s.password else "",
            db_name=s.database,
            timeout=s.timeout_s,
            dedicated=True,  # else keepalive follows whoever opened the shared channel first
            grpc_options=_KEEPALIVE,
            **{name: value for name, value in options.items() if value},
        )

    def _schema(self, dimension: int) -> tuple[Any, Any]:
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("chunk_id", DataType.VARCHAR, is_primary=True, max_length=64)
        for name in ("doc_id", "uri", "title"):
            schema.add_field(name, DataType.VARCHAR, max_length=_MAX_BYTES[name])
        analyzed = {"enable_analyzer": True} if self.full_text else {}
        schema.add_field("text", DataType.VARCHAR, max_length=_MAX_BYTES["text"], **analyzed)
        for name in ("page", "start", "end", "tokens"):
            schema.add_field(name, DataType.INT64)
        schema.add_field("metadata", DataType.JSON)
        schema.add_field("tenant", DataType.VARCHAR, max_length=64)
        schema.add_field("dense", DataType.FLOAT_VECTOR, dim=dimension)
        index = MilvusClient.prepare_index_params()
        index.add_index("dense", index_type="AUTOINDEX", metric_type="COSINE")
        if self.full_text:
            schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
            schema.add_function(Function("bm25", FunctionType.BM25, ["text"], ["sparse"]))
            index.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
        return schema, index

    @contextmanager
    def _explained(self, collection: str | None = None) -> Iterator[None]:
        """Milvus' and gRPC's errors as ours."""
        try:
            yield
        except MilvusException as error:
            text = str(error.message)
            if collection and ("not found" in text.lower() or "not exist" in text.lower()):
                raise NotFoundError(
                    f"collection {collection!r} is not in Milvus at {self.uri}; ingest the corpus again"
                ) from error
            if collection and any(sign in text.lower() for sign in _FILTER_SIGNS):
                raise UsageError(f"Milvus refused the filter: {text}") from error
            raise UnavailableError(self._failed(text)) from error
        except (grpc.RpcError, ConnectionError) as error:
            raise UnavailableError(self._failed(str(error))) from error

    def _failed(self, reason: str) -> str:
        return (
            f"Milvus at {self.uri} failed: {reason}; check milvus.uri and the credentials, and that "
            "the server runs (`openbook doctor`)"
        )


def _row(chunk: Chunk, vector: Sequence[float]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "chunk_id": chunk.chunk_id,
        "doc_id": chunk.doc_id,
        "uri": chunk.uri,
        "title": chunk.title,
        "text": chunk.text,
        "page": _NO_PAGE if chunk.page is None else chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "tokens": chunk.tokens,
        "metadata": dict(chunk.metadata),
        "tenant": "",
        "dense": vector,
    }
    for name, limit in _MAX_BYTES.items():
        if len(row[name].encode()) > limit:
            raise UsageError(f"chunk of {chunk.uri!r}: {name} is longer than {limit} bytes")
    return row


def _legs(texts: Sequence[str], vectors_QE: np.ndarray, options: SearchOptions) -> list[Any]:
    return [
        AnnSearchRequest(data, field, {}, limit=options.candidates, expr=options.filter or "")
        for data, field in ((vectors_QE.tolist(), "dense"), (list(texts), "sparse"))
    ]


def _hits(rows: Sequence[Any], query: np.ndarray) -> list[Hit]:
    hits = []
    for rank, row in enumerate(rows, 1):
        entity = row["entity"]
        fields = {name: entity[name] for name in _PAYLOAD}
        fields["page"] = None if entity["page"] == _NO_PAGE else entity["page"]
        chunk = Chunk(chunk_id=row["chunk_id"] if "chunk_id" in row else row["id"], **fields)
        hits.append(Hit(chunk, float(np.dot(query, np.asarray(entity["dense"]))), rank))
    return hits
