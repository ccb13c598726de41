"""A chunk as a row of Milvus and back. Pure: `cluster/vectors.py` talks to the server.

`digest` in a row names what its `chunk_id` does not (title, address, page, metadata), so that two short
columns tell whether a row is the one that is wanted.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from cluster.errors import UsageError
from cluster.keys import canonical_json
from cluster.records import Chunk, Hit
from cluster.words import words_of

ROW_SCHEMA = "3"  # part of an index's name: a changed row schema is a new collection
PAYLOAD = [
    "doc_id", "uri", "title", "section", "text", "page", "start", "end", "tokens", "metadata",
]  # fmt: skip
MAX_BYTES = {
    "chunk_id": 64, "doc_id": 1024, "uri": 4096, "title": 4096, "section": 8192, "text": 65535,
    "words": 65535,
}  # fmt: skip
_NO_PAGE = -1


def row_digest(uri: str, title: str, page: int | None, metadata: str, section: str = "") -> str:
    """16 hex digits; `metadata` is canonical JSON. Without a section as before there were sections."""
    text = "\x1f".join((uri, title, str(page), metadata, *([section] if section else [])))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def row_of(chunk: Chunk, vector: Sequence[float], fields: Collection[str]) -> dict[str, Any]:
    """The row to upsert, of the `fields` that the collection has; `sparse` is the server's.

    UsageError when a field is longer than Milvus takes.
    """
    row: dict[str, Any] = {
        "chunk_id": chunk.chunk_id,
        "doc_id": chunk.doc_id,
        "uri": chunk.uri,
        "title": chunk.title,
        "section": chunk.section,
        "text": chunk.text,
        "page": _NO_PAGE if chunk.page is None else chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "tokens": chunk.tokens,
        "metadata": dict(chunk.metadata),
        "digest": row_digest(
            chunk.uri, chunk.title, chunk.page, canonical_json(chunk.metadata), chunk.section
        ),
        "tenant": "",
        "dense": vector,
    }
    if "words" in fields:
        row["words"] = words_of(chunk.title, chunk.section, chunk.text)
    written = {name: value for name, value in row.items() if name in fields}
    for name, limit in MAX_BYTES.items():
        if name in written and len(written[name].encode()) > limit:
            raise UsageError(f"chunk of {chunk.uri!r}: {name} is longer than {limit} bytes")
    return written


def hits_of(rows: Sequence[Mapping[str, Any]], query_E: np.ndarray) -> list[Hit]:
    """Found rows in their order; the score is the cosine to the query's vector."""
    hits = []
    for rank, row in enumerate(rows, 1):
        fields = {name: row[name] for name in ("chunk_id", *PAYLOAD) if name in row}
        fields["page"] = None if row["page"] == _NO_PAGE else row["page"]
        score = float(np.dot(query_E, np.asarray(row["dense"])))
        hits.append(Hit(Chunk(**fields), score, rank))
    return hits
