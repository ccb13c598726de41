"""The words of chunks in Milvus: title, section and text; collections of before there were words."""

from dataclasses import replace

import numpy as np
from pymilvus import DataType, Function, FunctionType, MilvusClient

from cluster.keys import collection_name
from cluster.records import Chunk
from cluster.vectors import SearchOptions, VectorStore

HYBRID = SearchOptions(top_k=2, mode="hybrid", candidates=10, dense_weight=0.5, fresh=True)
SPARSE = replace(HYBRID, mode="sparse")


def chunk(number: int, text: str) -> Chunk:
    return Chunk(f"c{number}", f"d{number}", "file:///u", "T", text, None, 0, len(text), 3)


def unit(*values: float) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)


def make_as_before(store: VectorStore, name: str) -> None:
    """A collection with the fields of row schema 2."""
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("chunk_id", DataType.VARCHAR, is_primary=True, max_length=64)
    for field in ("doc_id", "uri", "title"):
        schema.add_field(field, DataType.VARCHAR, max_length=1024)
    schema.add_field("text", DataType.VARCHAR, max_length=65535, enable_analyzer=True)
    for field in ("page", "start", "end", "tokens"):
        schema.add_field(field, DataType.INT64)
    schema.add_field("metadata", DataType.JSON)
    for field in ("digest", "tenant"):
        schema.add_field(field, DataType.VARCHAR, max_length=64)
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=3)
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function("bm25", FunctionType.BM25, ["text"], ["sparse"]))
    client = MilvusClient(store.uri)
    client.create_collection(name, schema=schema)
    client.close()


def test_collection_of_before_words_is_written_and_searched_as_it_is(vectors: VectorStore) -> None:
    name = collection_name("tests", "before")
    vectors.drop(name)
    make_as_before(vectors, name)
    vectors.ensure(name, 3)
    vectors.upsert(
        name, [chunk(0, "amber lamp"), chunk(1, "port 4720")], np.eye(2, 3, dtype="float32")
    )
    assert vectors.count(name) == 2
    (hit,) = vectors.search(name, ["4720"], unit(0, 0, 1)[None], SPARSE)[0]
    assert (hit.chunk.text, hit.chunk.section) == ("port 4720", "")
    found = vectors.search(name, ["4720"], unit(1, 0, 0)[None], HYBRID)[0]
    assert {hit.chunk.text for hit in found} == {"amber lamp", "port 4720"}


def test_title_and_section_are_found_by_words_and_shown(vectors: VectorStore) -> None:
    name = collection_name("tests", "sections")
    vectors.drop(name)
    vectors.ensure(name, 3)
    kept = replace(chunk(0, "Wipe it dry."), title="Centrifuge ZX-41", section="Care > Cleaning")
    vectors.upsert(name, [kept, chunk(1, "Ovens are hot.")], np.eye(2, 3, dtype="float32"))
    for question in ("zx41", "how to clean"):
        (hit,) = vectors.search(name, [question], unit(0, 0, 1)[None], SPARSE)[0]
        assert hit.chunk == kept


def test_question_without_a_word_finds_nothing_by_words(vectors: VectorStore) -> None:
    name = collection_name("tests", "blank")
    vectors.drop(name)
    vectors.ensure(name, 3)
    vectors.upsert(name, [chunk(0, "amber lamp")], unit(1, 0, 0)[None])
    found = vectors.search(name, ["?!", "lamps", ""], np.eye(3, dtype="float32"), SPARSE)
    assert [len(hits) for hits in found] == [0, 1, 0]
    assert [len(hits) for hits in vectors.search(name, ["?!"], unit(1, 0, 0)[None], HYBRID)] == [1]
