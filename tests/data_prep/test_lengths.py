"""The length budget of the training tokenizer costs distractors, never the oracle or the answer."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.models import base_tokenizer
from cluster.records import Chunk, Hit, Question, Quote
from cluster.settings import ModelSettings, RaftSettings, Settings
from data_prep.sets.lengths import Lengths
from data_prep.sets.oracles import Oracle, Rejection
from data_prep.sets.raft import Built, ExampleBuilder, Task
from train.examples import Encoder

FACT = "The lamp needs 7 bolts."
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tokenizer(base_model: str) -> object:
    return base_tokenizer(Settings(models=ModelSettings(base=base_model)))


def chunk(name: str, text: str) -> Chunk:
    return Chunk(name, name, "uri", name, text, None, 0, len(text), len(text) // 4)


ORACLE = Oracle(chunk("o", FACT), (Quote("o", 0, len(FACT)),), "given")
HITS = [Hit(chunk(f"h{n}", f"Garden {n}. " * 20), 0.5, n) for n in range(1, 5)]
TASK = Task(Question("q", "How many bolts?", "7 bolts", ("o",), (), None, "test"), (ORACLE,))


def build(
    tokenizer: object, max_tokens: int, task: Task = TASK, distractors: int = 4
) -> Built | Rejection:
    raft = RaftSettings(distractors=distractors)
    return ExampleBuilder(raft, "g", None, Lengths(tokenizer, max_tokens)).build(task, HITS)


def test_budget_is_kept_as_training_counts_and_the_worst_distractor_goes_first(
    tokenizer: object,
) -> None:
    whole = build(tokenizer, 4096)
    assert isinstance(whole, Built)
    assert whole.trimmed == 0
    cut = build(tokenizer, whole.tokens - 1)
    assert isinstance(cut, Built)
    assert (cut.trimmed, cut.missing) == (1, 0)
    names = {document.chunk_id for document in cut.example.documents}
    assert names == {"o", "h1", "h2", "h3"}
    assert cut.example.quotes == whole.example.quotes
    encoded = Encoder(tokenizer, "raft", cut.tokens, 0).encode(cut.example, 0)
    assert encoded is not None
    assert abs(len(encoded.ids) - cut.tokens) <= 2  # its order of the documents is another


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(max_tokens=st.integers(64, 700), answer=st.text("abc 7", min_size=1, max_size=90))
def test_no_budget_ever_cuts_the_oracle_the_answer_or_a_better_distractor(
    tokenizer: object, max_tokens: int, answer: str
) -> None:
    task = replace(TASK, question=replace(TASK.question, answer=answer))
    found = build(tokenizer, max_tokens, task)
    if isinstance(found, Rejection):
        assert found.reason == "too_long"
        alone = build(tokenizer, 4096, task, distractors=0)
        assert isinstance(alone, Built)
        assert alone.tokens > max_tokens
        return
    texts = {document.chunk_id: document.text for document in found.example.documents}
    assert (texts["o"], found.example.answer) == (FACT, " ".join(answer.split()))
    assert texts.keys() - {"o"} == {f"h{n}" for n in range(1, 5 - found.trimmed)}
    assert found.tokens <= max_tokens


def test_oracle_that_does_not_fit_alone_rejects_the_question(tokenizer: object) -> None:
    found = build(tokenizer, 64)
    assert isinstance(found, Rejection)
    assert (found.reason, found.question) == ("too_long", "q")


def test_packaged_tokenizer_needs_no_weights(tokenizer: object, tmp_path: Path) -> None:
    light = base_tokenizer(Settings(home=tmp_path))
    assert not (tmp_path / "models").exists()
    text = "How many bolts does the lamp need, after all?"
    assert light(text)["input_ids"] == tokenizer(text)["input_ids"]  # type: ignore[operator]
