"""Milvus: one collection per index of a corpus, written by upsert only.

A row is a chunk with its dense vector (cosine) and, where the server has BM25 functions (Milvus 2.5+,
Milvus Lite), a sparse vector that the server derives from `words` (see `cluster/words.py`). Hybrid search
asks for both and adds their scores (`cluster/fusion.py`); collections of older servers are searched
dense only. Raw BM25 scores are never shown: a hit's score is its cosine, its rank the order.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pymilvus import MilvusClient

from cluster.errors import SettingsError
from cluster.filters import for_milvus
from cluster.milvus_calls import MilvusCalls
from cluster.milvus_search import CollectionSearch, Mode
from cluster.milvus_search import SearchOptions as SearchOptions
from cluster.records import Chunk, Hit
from cluster.row_schema import missing_indexes, new_schema
from cluster.rows import row_of
from cluster.settings import MilvusSettings

Retrieval = Literal["hybrid", "dense only"]
_BM25_SINCE = (2, 5)
_PAGE = 8192
# pages must come in the order of keys: Milvus Lite sorts only when asked, a server of 2.3 only unasked
_BY_KEY = {"iterator": "True"}
_DELETED_AT_ONCE = 1000
# pymilvus pings idle channels every 10 s; Milvus Lite's server answers that with GOAWAY
_KEEPALIVE = {"grpc.keepalive_time_ms": 300_000, "grpc.keepalive_permit_without_calls": False}


class VectorStore:
    """A client of one Milvus. Connects on first use; `close` when done."""

    def __init__(self, settings: MilvusSettings, uri: str) -> None:
        self._settings = settings
        self._calls = MilvusCalls(uri, settings)
        self._known_fields: dict[str, frozenset[str]] = {}
        self.uri = uri

    @cached_property
    def version(self) -> str:
        """What the server says it is, such as `v2.6.2` or `milvus_lite-3.2.2`."""
        with self._calls.explained():
            return str(self._client.get_server_version())

    @property
    def full_text(self) -> bool:
        """Whether the server has BM25 functions; a version without numbers is taken for a new one."""
        number = re.search(r"(\d+)\.(\d+)", self.version)
        return number is None or (int(number[1]), int(number[2])) >= _BM25_SINCE

    @property
    def one_writer(self) -> bool:
        """Whether only one process may write at a time: Milvus Lite."""
        return self.version.startswith(("milvus_lite", "milvus-lite"))

    def retrieval(self, collection: str) -> Retrieval:
        """What a collection can be searched by; NotFoundError when it is not there."""
        with self._calls.explained(collection):
            return "hybrid" if "sparse" in self._fields(collection) else "dense only"

    def exists(self, collection: str) -> bool:
        """Whether the collection is there."""
        with self._calls.explained():
            return bool(self._client.has_collection(collection))

    def ensure(self, collection: str, dimension: int) -> None:
        """Make the collection if needed and load it; idempotent, also after a kill half-way."""
        with self._calls.explained():
            if not self._client.has_collection(collection):
                schema = new_schema(dimension, self.full_text, self.one_writer)
                self._client.create_collection(collection, schema=schema)
                self._known_fields.pop(collection, None)
            made = set(self._client.list_indexes(collection))
            if missing := missing_indexes(self._fields(collection), made):
                self._client.create_index(collection, missing)
            self._client.load_collection(collection)

    def upsert(self, collection: str, chunks: Sequence[Chunk], vectors_NE: np.ndarray) -> int:
        """Write or replace rows by `chunk_id`; returns how many. Passing trouble is waited out."""
        if not chunks:
            return 0
        timeout_s = self._settings.timeout_s
        with self._calls.explained():
            fields = self._fields(collection)
            rows = [
                row_of(chunk, vector, fields)
                for chunk, vector in zip(chunks, vectors_NE.tolist(), strict=True)
            ]
            self._calls.retried(lambda: self._client.upsert(collection, rows, timeout=timeout_s))
        return len(rows)

    def flush(self, collection: str) -> None:
        """After writing: let Milvus Lite keep the indexes of what was written.

        It indexes rows that it has not flushed anew for every search: a hybrid search of 5,500 chunks took
        1 s, and 0.03 s afterwards. Servers flush in their own time.
        """
        if self.one_writer:
            timeout_s = self._settings.timeout_s
            with self._calls.explained(collection):
                self._calls.retried(lambda: self._client.flush(collection, timeout=timeout_s))

    def delete(self, collection: str, chunk_ids: Sequence[str]) -> None:
        """Remove rows; ids that are not there are no error."""
        with self._calls.explained():
            for start in range(0, len(chunk_ids), _DELETED_AT_ONCE):
                ids = list(chunk_ids[start : start + _DELETED_AT_ONCE])
                self._calls.retried(partial(self._client.delete, collection, ids=ids))

    def count(self, collection: str) -> int:
        """Rows, counting every acknowledged write."""
        found = self._read(
            collection,
            lambda: self._client.query(
                collection, filter="", output_fields=["count(*)"], consistency_level="Strong"
            ),
        )
        return int(found[0]["count(*)"])

    def chunk_ids(self, collection: str) -> set[str]:
        """The ids of all rows."""
        return set(self.digests(collection))

    def digests(self, collection: str) -> dict[str, str]:
        """`chunk_id` -> `digest` (see `cluster/rows.py`) of all rows, counting every acknowledged write.

        Pages by key: pymilvus' iterator reads at the client's clock on older servers, which may be
        behind the last write.
        """
        found: dict[str, str] = {}
        while page := self._read(
            collection, lambda: self._page(collection, max(found, default=""))
        ):
            found.update((row["chunk_id"], row["digest"]) for row in page)
        return found

    def drop(self, collection: str) -> None:
        """Remove the collection; no error when it is not there."""
        self._known_fields.pop(collection, None)
        with self._calls.explained():
            self._client.drop_collection(collection)

    def search(
        self,
        collection: str,
        texts: Sequence[str],
        vectors_QE: np.ndarray,
        options: SearchOptions,
    ) -> list[list[Hit]]:
        """For each query its hits, best first; empty lists for an empty collection.

        SettingsError for `sparse` where the collection has no BM25; `hybrid` is `dense` there.
        """

        def run() -> list[list[Hit]]:
            mode = self._mode(collection, options)
            filter = for_milvus(options.filter or "", self.one_writer)
            return CollectionSearch(
                self._client,
                collection,
                self._fields(collection),
                replace(options, mode=mode, filter=filter),
                self._settings.timeout_s,
            ).hits(texts, vectors_QE)

        found: list[list[Hit]] = self._read(collection, run)
        return found

    def close(self) -> None:
        """Drop the connection."""
        if "_client" in self.__dict__:
            self._client.close()
            del self.__dict__["_client"]

    def _page(self, collection: str, after: str) -> Any:
        return self._client.query(
            collection,
            filter=f'chunk_id > "{after}"',
            output_fields=["chunk_id", "digest"],
            limit=_PAGE,
            consistency_level="Strong",
            **_BY_KEY if self.one_writer else {},
        )

    def _read(self, collection: str, run: Any) -> Any:
        with self._calls.explained(collection):
            return self._calls.on_loaded(run, lambda: self._client.load_collection(collection))

    def _mode(self, collection: str, options: SearchOptions) -> Mode:
        if options.mode == "dense" or "sparse" in self._fields(collection):
            return options.mode
        if options.mode == "hybrid":
            return "dense"
        raise SettingsError(
            f"retrieval.mode='sparse': collection {collection!r} in Milvus {self.version} at {self.uri} "
            "has no BM25 index; set retrieval.mode to hybrid or dense, or use Milvus 2.5+ and ingest "
            "the corpus into a new collection"
        )

    def _fields(self, collection: str) -> frozenset[str]:
        """A property of the collection and not of the server: that may have been upgraded since."""
        if collection not in self._known_fields:
            fields = self._client.describe_collection(collection)["fields"]
            self._known_fields[collection] = frozenset(field["name"] for field in fields)
        return self._known_fields[collection]

    @cached_property
    def _client(self) -> MilvusClient:
        # pymilvus prints a traceback for each refused call; our errors say the same in one line
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        s = self._settings
        if s.server_pem_path and not Path(s.server_pem_path).is_file():
            raise SettingsError(
                f"milvus.server_pem_path={s.server_pem_path!r} is not a file; it must hold the "
                "certificate (PEM) that the server's certificate is checked against"
            )
        options = {"server_pem_path": s.server_pem_path, "server_name": s.server_name}
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
