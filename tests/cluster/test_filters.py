"""Filters as Milvus Lite takes them; what they mean stays."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import UsageError
from cluster.filters import for_milvus
from cluster.keys import collection_name
from cluster.records import Chunk
from cluster.settings import MilvusSettings
from cluster.vectors import SearchOptions, VectorStore


@pytest.mark.parametrize(
    ("given_filter", "sent"),
    [
        (
            'metadata["year"] in [2024, 2025]',
            '(metadata["year"] == 2024 or metadata["year"] == 2025)',
        ),
        ("metadata['a']['b'] not in ['x']", "(metadata['a']['b'] != 'x')"),
        ('NOT (metadata["y"] IN [1.5,-2])', 'NOT ((metadata["y"] == 1.5 or metadata["y"] == -2))'),
        ('metadata["t"] in ["a, b]", "c"]', '(metadata["t"] == "a, b]" or metadata["t"] == "c")'),
        ("page is null", "page == -1"),
        ("page IS NOT NULL and tokens > 3", "page != -1 and tokens > 3"),
        ('title == "page is null"', 'title == "page is null"'),
        ("doc_id in ['a']", "doc_id in ['a']"),
        ('title == "metadata[1] in [2]"', 'title == "metadata[1] in [2]"'),
        ('metadata["year"] in 2024', 'metadata["year"] in 2024'),
        ("page > 3", "page > 3"),
        ("", ""),
    ],
)
def test_filter_for_milvus_lite_says_the_same(given_filter: str, sent: str) -> None:
    assert for_milvus(given_filter, embedded=True) == sent


def test_filter_for_a_server_keeps_its_lists() -> None:
    asked = 'metadata["year"] in [2024]'
    assert for_milvus(asked, embedded=False) == asked


@given(st.text(alphabet='ab ="[](),1\\'))
def test_filter_without_lists_and_pages_is_sent_as_it_stands(text: str) -> None:
    assert for_milvus(text, embedded=True) == text


@pytest.fixture(scope="module")
def invoices(milvus_uri: str) -> VectorStore:
    store, name = VectorStore(MilvusSettings(), milvus_uri), collection_name("tests", "invoices")
    store.drop(name)
    store.ensure(name, 3)
    records = [
        {"year": 2024, "paid": True, "city": "Bonn", "nested": {"dept": "HR"}},
        {"year": 2025, "city": "Bern"},
        {"year": 2026},
    ]
    chunks = [
        Chunk(f"r{n}", f"r{n}", "u", "t", f"invoice {n}", n if n > 1 else None, 0, 9, 3, record)
        for n, record in enumerate(records, 1)
    ]
    store.upsert(name, chunks, np.eye(3, dtype=np.float32))
    return store


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ('metadata["year"] in [2024, 2025]', {"r1", "r2"}),
        ('metadata["year"] not in [2024, 2025]', {"r3"}),
        ('metadata["city"] in ["Bonn"] or page == 3', {"r1", "r3"}),
        ('metadata["nested"]["dept"] in ["HR", "IT"]', {"r1"}),
        ('metadata["year"] in []', set()),
        ("page is null", {"r1"}),
        ("page is not null", {"r2", "r3"}),
        ('metadata["city"] like "B%"', {"r1", "r2"}),
        ('exists metadata["paid"]', {"r1"}),
        ('metadata["city"] is null', {"r3"}),
        ('doc_id in ["r1", "r3"]', {"r1", "r3"}),
    ],
)
@pytest.mark.parametrize("mode", ["hybrid", "dense"])
def test_filter_finds_what_it_says_on_milvus_lite(
    invoices: VectorStore, asked: str, found: set[str], mode: str
) -> None:
    options = SearchOptions(5, mode, 5, 0.5, filter=asked, fresh=True)  # type: ignore[arg-type]
    name = collection_name("tests", "invoices")
    (hits,) = invoices.search(name, ["invoice"], np.eye(1, 3, dtype=np.float32), options)
    assert {hit.chunk.chunk_id for hit in hits} == found


@pytest.mark.parametrize(
    "asked", ['metadata["year"] in', "page = 3", "nosuch == 1", json.dumps("x")]
)
def test_filter_that_is_wrong_is_a_usage_error(invoices: VectorStore, asked: str) -> None:
    options = SearchOptions(5, "hybrid", 5, 0.5, filter=asked)
    with pytest.raises(UsageError, match="filter"):
        invoices.search(
            collection_name("tests", "invoices"), ["x"], np.eye(1, 3, dtype=np.float32), options
        )
