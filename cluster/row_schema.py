"""The fields and indexes of a new collection in Milvus.

Collections that were made before a field was added lack it: readers and writers look at what is there.
"""

from typing import Any

from pymilvus import DataType, Function, FunctionType, MilvusClient

from cluster.rows import MAX_BYTES

# of BM25, the same everywhere: Milvus and Milvus Lite have different defaults
_BM25 = {"bm25_k1": 1.2, "bm25_b": 0.75}


def new_schema(dimension: int, full_text: bool, embedded: bool) -> Any:
    """For vectors of `dimension`; BM25 of `words` where the server has `full_text` functions.

    Terms lie between blanks. `embedded` Milvus Lite has no analyzer for just that: its standard one
    does the same to letters and digits.
    """
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("chunk_id", DataType.VARCHAR, is_primary=True, max_length=64)
    for name in ("doc_id", "uri", "title", "section", "text"):
        schema.add_field(name, DataType.VARCHAR, max_length=MAX_BYTES[name])
    for name in ("page", "start", "end", "tokens"):
        schema.add_field(name, DataType.INT64)
    schema.add_field("metadata", DataType.JSON)
    schema.add_field("digest", DataType.VARCHAR, max_length=16)
    schema.add_field("tenant", DataType.VARCHAR, max_length=64)
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=dimension)
    if full_text:
        schema.add_field(
            "words",
            DataType.VARCHAR,
            max_length=MAX_BYTES["words"],
            enable_analyzer=True,
            analyzer_params={"tokenizer": "standard" if embedded else "whitespace"},
        )
        schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(Function("bm25", FunctionType.BM25, ["words"], ["sparse"]))
    return schema


def missing_indexes(fields: frozenset[str], made: set[str]) -> Any:
    """What to build of a collection's indexes; empty when all are there."""
    missing = MilvusClient.prepare_index_params()
    if "dense" not in made:
        missing.add_index("dense", index_type="AUTOINDEX", metric_type="COSINE")
    if "sparse" in fields and "sparse" not in made:
        missing.add_index(
            "sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", params=_BM25
        )
    return missing
