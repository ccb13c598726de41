"""The shipped corpus keeps its promises: facts in several wordings, answers verbatim in quotes."""

import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from cluster.demo import stages
from cluster.quotes import find_quote
from data_prep.sets.questions import read_questions

CORPUS = stages.FOLDER / "corpus"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    lines = (stages.FOLDER / "qa.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_demo_questions_are_enough_and_cover_every_document(rows: list[dict[str, Any]]) -> None:
    assert len(rows) >= 150
    assert Counter(row["split"] for row in rows) == {"train": 120, "validation": 20, "test": 60}
    documents = {path.name for path in CORPUS.iterdir()}
    assert {doc for row in rows for doc in row["oracle"]} == documents
    assert {path.suffix for path in CORPUS.iterdir()} == {".md", ".html", ".pdf"}


def test_demo_test_facts_are_trained_on_in_other_words(rows: list[dict[str, Any]]) -> None:
    words = defaultdict(set)
    for row in rows:
        words[row["metadata"]["fact"]].add((row["split"], row["question"]))
    for fact, asked in words.items():
        splits = Counter(split for split, _ in asked)
        assert (splits["train"], splits["test"]) == (2, 1), fact
        assert len({question for _, question in asked}) == splits.total()


def test_demo_answers_stand_in_their_quotes(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert find_quote(row["quotes"][0]["text"], row["answer"]), row["id"]
        assert row["quotes"][0]["doc"] in row["oracle"]


def test_demo_question_file_is_valid() -> None:
    assert len(read_questions(stages.FOLDER / "qa.jsonl")) == 200
