"""A cross-encoder orders the hits of a search anew, for training sets and serving alike."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from cluster.corpora import Generation
from cluster.errors import NotFoundError
from cluster.models import embedder_path, reranker_path
from cluster.records import Chunk, Hit
from cluster.rerank import Reranker
from cluster.retrieval import Retriever
from cluster.settings import ModelSettings, RetrievalSettings
from cluster.vectors import SearchOptions

GENERATION = Generation("c", "g", "c_g", {}, "e", 1, 1, 1, "2026")
TEXTS = ("red lamp", "the door", "a long way home", "button", "hold it for ten seconds")


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random one, as small as it can be, with the embedder's tokenizer."""
    folder = tmp_path_factory.mktemp("cross-encoder")
    tokenizer = AutoTokenizer.from_pretrained(embedder_path(ModelSettings()))
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, num_labels=1, initializer_range=0.5,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


class FixedSearch:
    """Gives as many of the texts as asked for, in their order."""

    def __init__(self) -> None:
        self.asked: list[SearchOptions] = []

    def search(
        self, _: str, texts: Sequence[str], vectors_QE: np.ndarray, options: SearchOptions
    ) -> list[list[Hit]]:
        self.asked.append(options)
        return [hits()[: options.top_k] for _ in texts]


class NoEmbedder:
    def embed_queries(self, texts: Sequence[str]) -> np.ndarray:
        return np.zeros((len(texts), 1), dtype=np.float32)


def hits() -> list[Hit]:
    return [
        Hit(Chunk(f"c{n}", "d", "u", "t", text, None, 0, len(text), 1), 1.0 - n / 10, n)
        for n, text in enumerate(TEXTS, 1)
    ]


def test_rerank_order_is_that_of_the_cross_encoder_and_scores_stay(cross_encoder: str) -> None:
    questions = ["how long?", "which colour?"]
    found = Reranker(cross_encoder).rerank(questions, [hits(), hits()[:2]], top_k=3)
    model = CrossEncoder(cross_encoder)
    for question, given, best in zip(questions, (hits(), hits()[:2]), found, strict=True):
        scores = model.predict([(question, hit.chunk.text) for hit in given])
        order = [given[n].chunk.chunk_id for n in np.argsort(-scores)][:3]
        assert [hit.chunk.chunk_id for hit in best] == order
        assert [hit.rank for hit in best] == list(range(1, len(best) + 1))
        cosine = {hit.chunk.chunk_id: hit.score for hit in given}
        assert all(hit.score == cosine[hit.chunk.chunk_id] for hit in best)


def test_rerank_nothing_found_gives_nothing(cross_encoder: str) -> None:
    assert Reranker(cross_encoder).rerank(["q", "r"], [[], []], top_k=3) == [[], []]


def test_retriever_with_a_reranker_looks_deeper_and_gives_what_was_asked(
    cross_encoder: str,
) -> None:
    search = FixedSearch()
    settings = RetrievalSettings(top_k=2, rerank_candidates=5)
    retriever = Retriever(NoEmbedder(), search, settings, None, Reranker(cross_encoder))  # type: ignore[arg-type]
    (best,) = retriever.retrieve(GENERATION, ["how long?"])
    (full,) = Reranker(cross_encoder).rerank(["how long?"], [hits()], top_k=5)
    assert best == full[:2]
    assert [options.top_k for options in search.asked] == [10]


def test_reranker_path_of_a_package_that_is_missing_says_which_setting() -> None:
    assert reranker_path("some/model") == "some/model"
    with pytest.raises(NotFoundError, match=r"retrieval\.rerank_model"):
        reranker_path("package:no-such-package")


def test_reranker_in_a_folder_of_its_own(cross_encoder: str, tmp_path: Path) -> None:
    assert reranker_path(cross_encoder) == cross_encoder
