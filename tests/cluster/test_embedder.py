"""Our batching gives the vectors of sentence-transformers, whatever the texts, prompts and dtype."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from cluster.embedder import Embedder, batches
from cluster.models import embedder_path
from cluster.settings import ModelSettings

WORDS = ["the", "lamp", "needs", "seven", "bolts", "of", "size", "four", "and", "draws", "watts"]
# short, long, longer than the model reads, empty, and the same length twice
TEXTS = [" ".join(WORDS[n % 9 :] * (1 + n * 7 % 11)) for n in range(40)] + ["word " * 600, "", "a"]


@pytest.fixture(scope="module")
def path() -> str:
    return embedder_path(ModelSettings())


@pytest.fixture(scope="module")
def prompted(path: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The packaged model, saved with a prompt for each task."""
    folder = tmp_path_factory.mktemp("prompted")
    prompts = {"query": "search: ", "passage": "text: "}
    SentenceTransformer(path, prompts=prompts).save(str(folder))
    return str(folder)


def test_stream_gives_the_vectors_of_each_group_and_reads_one_group_ahead(path: str) -> None:
    embedder, read = Embedder(path), []
    groups = [TEXTS[:5], [], TEXTS[5:7], TEXTS[7:9]]

    def reading() -> Iterator[list[str]]:
        for number, group in enumerate(groups):
            read.append(number)
            yield group

    for number, vectors_NE in enumerate(embedder.embed_stream(reading())):
        assert np.array_equal(vectors_NE, embedder.embed_documents(groups[number]))
        assert len(read) == min(number + 2, len(groups))


@pytest.mark.parametrize("model", ["path", "prompted"])
def test_vectors_equal_those_of_sentence_transformers(
    model: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(model)
    plain, ours = SentenceTransformer(folder), Embedder(folder, batch_tokens=512)
    documents = plain.encode_document(TEXTS, normalize_embeddings=True)
    queries = plain.encode_query(TEXTS, normalize_embeddings=True)
    assert np.allclose(ours.embed_documents(TEXTS), documents, atol=2e-6)
    whole = [n for n, text in enumerate(TEXTS) if ours.question_notice(text) is None]
    assert len(whole) == len(TEXTS) - 1
    assert np.allclose(ours.embed_queries(TEXTS)[whole], queries[whole], atol=2e-6)
    assert np.allclose(documents, queries) == (model == "path")


def test_bfloat16_keeps_the_direction_and_the_unit_length(path: str) -> None:
    exact = Embedder(path).embed_documents(TEXTS)
    fast = Embedder(path, "bfloat16").embed_documents(TEXTS)
    assert fast.dtype == np.float32
    assert (exact * fast).sum(1).min() >= 0.999
    assert np.allclose(np.linalg.norm(fast, axis=1), 1, atol=1e-6)


def test_long_questions_with_another_end_or_beginning_differ(path: str) -> None:
    embedder = Embedder(path)
    story = "The unit has been running for weeks and nobody knows why it hums. " * 40
    bolts, water = "Which torque do the bolts take?", "When is the garden watered?"
    asked = [f"{story}{bolts}", f"{story}{water}", f"{bolts} {story}"]
    vectors_NE = embedder.embed_queries(asked)
    assert np.allclose(np.linalg.norm(vectors_NE, axis=1), 1, atol=1e-5)
    near_NE = vectors_NE @ embedder.embed_queries([bolts, water]).T
    assert near_NE.argmax(axis=1).tolist() == [0, 1, 0]
    assert "models.embedder reads 254 at once" in (embedder.question_notice(asked[0]) or "")
    assert embedder.question_notice(bolts) is None


def test_no_texts_give_no_vectors(path: str) -> None:
    assert Embedder(path).embed_queries([]).shape == (0, 384)


def test_padding_costs_at_most_a_twentieth(path: str) -> None:
    embedder = Embedder(path)
    lengths = np.random.default_rng(0).lognormal(np.log(60), 0.6, 300).clip(5, 170).astype(int)
    embedder.embed_documents([" ".join((WORDS * 16)[:length]) for length in lengths])
    assert embedder.work.texts == 300
    assert embedder.work.computed <= 1.05 * embedder.work.tokens


@given(st.lists(st.integers(1, 300), max_size=200), st.integers(256, 4096))
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    lengths_N = np.array(lengths, dtype=np.int64)
    found = list(batches(lengths_N, budget))
    assert sorted(row for rows in found for row in rows) == list(range(len(lengths)))
    for rows in found:
        computed = len(rows) * lengths_N[rows].max()
        assert computed <= budget or len(rows) == 1
        before_last = lengths_N[rows[:-1]].sum()
        assert computed <= 1.05 * lengths_N[rows].sum() or before_last < budget / 16
    longest = [lengths_N[rows].max() for rows in found]
    assert longest == sorted(longest, reverse=True)
