"""No test document was trained on: splits follow documents and their near duplicates."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import InputError
from cluster.records import Chunk, ContextDocument, Question, RaftExample, Split
from cluster.settings import RaftSettings
from data_prep.sets.questions import read_questions
from data_prep.sets.splits import assign_splits, leakage, near_documents
from tests.training_sets import example

OPEN = Question("q", "?", "7", ("a.md",), (), None, "train", split_given=False)


def open_questions(oracles: list[list[str]]) -> list[Question]:
    return [replace(OPEN, id=f"q{n}", oracle=tuple(docs)) for n, docs in enumerate(oracles)]


def given_question(name: str, doc: str, split: Split) -> Question:
    return replace(OPEN, id=name, oracle=(doc,), split=split, split_given=True)


def splits(
    questions: list[Question], twins: dict[str, str], rule: str = "keep"
) -> dict[str, Split]:
    settings = RaftSettings(given_splits=rule)  # type: ignore[arg-type]
    placed, _ = assign_splits(questions, twins, settings)
    return {question.id: question.split for question in placed}


@given(
    oracles=st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=2), min_size=1, max_size=30),
    pairs=st.dictionaries(st.sampled_from("efgh"), st.sampled_from("abcd")),
    seed=st.integers(0, 9),
)
def test_assigned_splits_never_share_a_document_or_a_near_duplicate(
    oracles: list[list[str]], pairs: dict[str, str], seed: int
) -> None:
    questions = open_questions(oracles)
    found = splits(questions, pairs)
    seen: dict[str, str] = {}
    for question in questions:
        for doc in question.oracle:
            assert seen.setdefault(pairs.get(doc, doc), found[question.id]) == found[question.id]
    random.Random(seed).shuffle(questions)
    assert splits(questions, pairs) == found


def test_assigned_splits_are_about_80_10_10() -> None:
    found = list(splits(open_questions([[f"{n}.md"] for n in range(2000)]), {}).values())
    assert 1540 <= found.count("train") <= 1660
    assert 150 <= found.count("validation") <= 250
    assert 150 <= found.count("test") <= 250


def test_given_splits_are_kept_whatever_they_share() -> None:
    asked = [given_question("a", "d", "train"), given_question("b", "d", "test")]
    assert splits(asked, {}) == {"a": "train", "b": "test"}


def test_open_question_joins_the_given_split_of_its_group() -> None:
    asked = [given_question("a", "d", "test"), replace(OPEN, id="b", oracle=("twin",))]
    assert splits(asked, {"twin": "d"}) == {"a": "test", "b": "test"}


def test_checked_splits_that_leak_are_an_error_and_clean_ones_are_not() -> None:
    leaking = [given_question("a", "d", "train"), given_question("b", "twin", "test")]
    with pytest.raises(InputError, match=r"1 questions \('a', \.\.\.\) share .*given_splits"):
        splits(leaking, {"twin": "d"}, "check")
    assert splits(leaking, {}, "check") == {"a": "train", "b": "test"}


def test_enforced_splits_drop_what_leaks_and_keep_what_measures() -> None:
    asked = [
        given_question("a", "d", "train"),
        given_question("b", "d", "validation"),
        given_question("c", "d", "test"),
        given_question("e", "f", "train"),
    ]
    placed, rejected = assign_splits(asked, {}, RaftSettings(given_splits="enforce"))
    assert [question.id for question in placed] == ["c", "e"]
    assert {r.question: r.reason for r in rejected} == dict.fromkeys(
        "ab", "shares_document_across_splits"
    )


def test_near_documents_look_at_the_whole_text() -> None:
    text = " ".join(f"word{n}" for n in range(80))
    cut = text.index("word40")

    def chunks(doc: str, body: str) -> list[Chunk]:
        spans = [(0, cut), (cut, len(body))]
        return [Chunk(f"{doc}{a}", doc, "", "", body[a:b], None, a, b, 9) for a, b in spans]

    found = near_documents(
        {"a": chunks("a", text), "b": chunks("b", text + " more"), "c": chunks("c", text[::-1])},
        0.8,
    )
    assert found == {"a": "a", "b": "a", "c": "c"}


def shown(name: str, split: Split) -> RaftExample:
    """An example whose oracle is the chunk that comes second in its prompt."""
    found = example(name, split=split)
    return replace(found, provenance={"oracle_chunks": [found.quotes[0].chunk_id]})


def test_leakage_counts_what_training_and_test_share() -> None:
    first, second, other = shown("a", "train"), shown("a", "test"), shown("b", "test")
    asked = [
        given_question("1", "d", "train"), given_question("2", "d", "test"),
        given_question("3", "twin", "test"),
    ]  # fmt: skip
    exposed = replace(first, documents=(*first.documents, *_as_distractors(other)))
    found = leakage(asked, {"twin": "d"}, [exposed, second, other], "keep")
    assert found == {
        "splits": "given", "given_splits": "keep", "oracle_chunks": 1, "documents": 1,
        "near_duplicate_clusters": 1, "test_questions": 1, "test_oracles_among_training_distractors": 1,
    }  # fmt: skip


def _as_distractors(found: RaftExample) -> list[ContextDocument]:
    return [replace(document, role="distractor") for document in found.documents]


def read_chunks(folder: Path) -> dict[str, list[Chunk]]:
    chunks = {}
    for line in (folder / "corpus.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        doc, text = record["_id"], record["text"]
        chunks[doc] = [Chunk(doc, doc, "", "", text, None, 0, len(text), 1)]
    return chunks


@pytest.mark.parametrize("dataset_folder", ["pubmedqa", "xquad_en"], indirect=True)
def test_given_splits_of_clean_real_sets_pass_the_check_unchanged(dataset_folder: Path) -> None:
    questions = read_questions(dataset_folder / "qa.jsonl")
    twins = near_documents(read_chunks(dataset_folder), 0.8)
    placed, rejected = assign_splits(questions, twins, RaftSettings(given_splits="check"))
    assert placed == questions
    assert rejected == []


@pytest.mark.parametrize("dataset_folder", ["scifact"], indirect=True)
def test_enforcing_scifacts_official_split_leaves_its_test_questions_alone(
    dataset_folder: Path,
) -> None:
    """The set's own notes say that 272 questions before test cite a document that test cites."""
    questions = read_questions(dataset_folder / "qa.jsonl")
    tests = [question for question in questions if question.split == "test"]
    placed, rejected = assign_splits(questions, {}, RaftSettings(given_splits="enforce"))
    assert [question for question in placed if question.split == "test"] == tests
    assert len(rejected) > 200
    asked = {doc for question in tests for doc in question.oracle}
    assert not [q for q in placed if q.split != "test" and asked & set(q.oracle)]
