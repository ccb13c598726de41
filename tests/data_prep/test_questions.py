"""A question file is read strictly, and splits never share an oracle document."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import InputError
from cluster.records import Question, SourceQuote
from data_prep.questions import read_questions

LINE = {"id": "q1", "question": "How many bolts?", "answer": "7", "oracle": ["lamp.md"]}


def write(path: Path, *lines: Any) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts), "utf-8")
    return path


def test_complete_line_is_read_as_it_stands(tmp_path: Path) -> None:
    line = {
        **LINE, "quotes": [{"doc": "lamp.md", "text": "7 bolts"}], "reasoning": "Counted.",
        "split": "test", "metadata": {"fact": "bolts"},
    }  # fmt: skip
    (question,) = read_questions(write(tmp_path / "qa.jsonl", line))
    quotes = (SourceQuote("lamp.md", "7 bolts"),)
    expected = Question(
        "q1", "How many bolts?", "7", ("lamp.md",), quotes, "Counted.", "test", {"fact": "bolts"}
    )
    assert question == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", "not valid JSON"),
        ("[1]", "expected an object"),
        ({**LINE, "answer": None}, "'answer' must be text"),
        ({**LINE, "oracle": "lamp.md"}, "'oracle' must be a list"),
        ({**LINE, "oracle": [1]}, "'oracle' must be a list"),
        ({**LINE, "split": "dev"}, "'split' must be one of train, validation, test"),
        ({**LINE, "quotes": [{"doc": "lamp.md"}]}, "each of 'quotes'"),
        ({**LINE, "quotes": [{"doc": "x", "text": "y"}]}, "not in 'oracle'"),
        ({**LINE, "metadata": []}, "'metadata' must be an object"),
        ({**LINE, "anwser": "7"}, "unknown key 'anwser'"),
        ({**LINE, "question": " "}, "'question' is empty"),
        ({"id": "q2", "question": "?", "answer": "7"}, "'oracle' is missing"),
        ({**LINE, "id": "q0"}, "used on line 1"),
    ],
)
def test_malformed_line_is_named_by_file_and_number(
    tmp_path: Path, line: Any, message: str
) -> None:
    path = write(tmp_path / "qa.jsonl", {**LINE, "id": "q0"}, "", line)
    with pytest.raises(InputError, match=r"qa\.jsonl:3: ") as error:
        read_questions(path)
    assert message in str(error.value)


def test_missing_and_empty_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_questions(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="empty"):
        read_questions(write(tmp_path / "qa.jsonl", ""))


@given(oracles=st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=2), min_size=1, max_size=30))
def test_assigned_splits_never_share_a_document(
    tmp_path_factory: pytest.TempPathFactory, oracles: list[list[str]]
) -> None:
    lines = [{**LINE, "id": f"q{n}", "oracle": docs} for n, docs in enumerate(oracles)]
    folder = tmp_path_factory.mktemp("qa")
    questions = read_questions(write(folder / "qa.jsonl", *lines))
    seen: dict[str, str] = {}
    for question in questions:
        for doc in question.oracle:
            assert seen.setdefault(doc, question.split) == question.split
    turned = read_questions(write(folder / "turned.jsonl", *reversed(lines)))
    assert sorted(turned, key=lambda q: q.id) == sorted(questions, key=lambda q: q.id)


def test_assigned_splits_are_about_80_10_10(tmp_path: Path) -> None:
    lines = [{**LINE, "id": f"q{n}", "oracle": [f"{n}.md"]} for n in range(2000)]
    splits = [question.split for question in read_questions(write(tmp_path / "qa.jsonl", *lines))]
    assert 1540 <= splits.count("train") <= 1660
    assert 150 <= splits.count("validation") <= 250
    assert 150 <= splits.count("test") <= 250
