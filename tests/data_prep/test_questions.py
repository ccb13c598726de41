"""A question file is read strictly, and splits never share an oracle document."""

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import InputError
from cluster.records import Question, SourceQuote
from data_prep.sets.questions import read_questions

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


def test_missing_split_stays_open(tmp_path: Path) -> None:
    open_one, given_one = read_questions(
        write(tmp_path / "qa.jsonl", LINE, {**LINE, "id": "q2", "split": "test"})
    )
    assert not open_one.split_given
    assert (given_one.split, given_one.split_given) == ("test", True)
