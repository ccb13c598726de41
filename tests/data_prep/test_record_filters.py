"""Lists, objects and numbers of records are found by Milvus' filters, end to end."""

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.corpora import Corpora
from cluster.embedder import Embedder
from cluster.objects import open_store
from cluster.retrieval import Retriever
from cluster.settings import Settings
from cluster.vectors import VectorStore
from tests.real_corpus import IdleRay, here, run_ingest

pytestmark = pytest.mark.slow
ROWS: list[dict[str, Any]] = [
    {"_id": "r1", "text": "The invoice of the bakery was paid.", "tags": ["food", "paid"], "sum": 7.5},
    {"_id": "r2", "text": "The invoice of the garage is open.", "tags": ["car"], "sum": 90},
    {"_id": "r3", "text": "The invoice of the dentist was sent.", "tags": [], "nested": {"dept": "HR"}},
    {"_id": "r4", "text": "The invoice of the year.", "large": 2**80, "when": "2026-01-02T00:00:00+02:00"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ('json_contains(metadata["tags"], "food")', ["r1"]),
        ('metadata["nested"]["dept"] == "HR"', ["r3"]),
        ('metadata["sum"] > 10', ["r2"]),
        ('metadata["when"] > "2026-01-01"', ["r4"]),
        (f'metadata["large"] == "{2**80}"', ["r4"]),
    ],
)
def test_filter_finds_records_by_their_metadata(
    filtered: Retriever, generation: Any, filter: str, found: list[str]
) -> None:
    (hits,) = filtered.retrieve(generation, ["invoice"], 10, filter, fresh=True)
    assert [hit.chunk.doc_id for hit in hits] == found


@pytest.fixture(scope="module")
def generation(home: Settings) -> Any:
    path = home.home / "filtered.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    report = run_ingest(here(home), Path(path), "filtered", IdleRay)
    return Corpora(open_store(home)).generation("filtered", report["generation"])


@pytest.fixture(scope="module")
def filtered(home: Settings, embedder: Embedder, generation: Any) -> Any:
    client = VectorStore(home.milvus, home.milvus.uri)
    yield Retriever(embedder, client, home.retrieval)
    client.close()
