"""The guard asks what a model knew before training, by likelihood, and tells what is lost."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cluster.errors import InputError
from tests.training_sets import TRAIN
from train.batches import pack
from train.encoding import Encoded
from train.guard import ChoiceQuestion, Guard, read_questions
from train.model import AnswerLoss, Base, build_model, trained_weights

ROWS = [
    {"question": "Who?", "choices": ["Ann", "Bob"], "answer": 1},
    {
        "question": "Where?",
        "metadata": {"choices": ["here", "there", "nowhere"], "answer_index": 0},
    },
]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_questions_are_read_in_both_forms(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl", *map(json.dumps, ROWS))
    assert read_questions(path, 9) == [
        ChoiceQuestion("Who?", ("Ann", "Bob"), 1),
        ChoiceQuestion("Where?", ("here", "there", "nowhere"), 0),
    ]


def test_fewer_questions_are_spread_over_the_file(tmp_path: Path) -> None:
    rows = [json.dumps({**ROWS[0], "question": str(n)}) for n in range(10)]
    found = read_questions(write(tmp_path / "q.jsonl", *rows), 4)
    assert [question.question for question in found] == ["0", "2", "5", "7"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", r"q\.jsonl:2: not a question with choices"),
        (json.dumps({"question": "Who?"}), r"q\.jsonl:2: not a question.*metadata"),
        (json.dumps({**ROWS[0], "answer": 2}), r"q\.jsonl:2: answer 2 is none of 2 choices"),
    ],
)
def test_bad_question_is_named_by_its_line(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_questions(write(tmp_path / "q.jsonl", json.dumps(ROWS[0]), line), 9)


def test_missing_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no file"):
        read_questions(tmp_path / "none.jsonl", 9)
    with pytest.raises(InputError, match="has no question"):
        read_questions(write(tmp_path / "q.jsonl", ""), 9)


def test_losses_of_each_text_add_up_to_those_of_the_row(tiny_model: str) -> None:
    loss = AnswerLoss(build_model(Base(tiny_model, "float32"), TRAIN), "float32")
    row = pack([Encoded(ids, ids) for ids in ([5, 6, 7, 8], [9, 10, 11], [12, 13])])
    with torch.no_grad():
        each, whole = loss.each(row), loss(row)
    assert len(each) == 3
    assert float(each.sum()) == pytest.approx(float(whole), rel=1e-6)


def test_guard_tells_what_a_model_has_learned_and_lost(tiny_model: str, tokenizer: Any) -> None:
    model = build_model(Base(tiny_model, "float32"), TRAIN)
    loss = AnswerLoss(model, "float32")
    asked = [ChoiceQuestion(f"Number {n}?", ("one", "two", "three"), n % 3) for n in range(12)]
    guard = Guard(asked, tokenizer, TRAIN)
    guard.begin(model, loss)
    before = guard.accuracy(model, loss)
    right = [n for n in range(12) if _knows(Guard([asked[n]], tokenizer, TRAIN), model, loss)]
    assert before == pytest.approx(len(right) / 12)
    for name, weight in trained_weights(model).items():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    told = guard.tell(model, loss)
    assert told["questions"] == 12
    assert told["drop"] == pytest.approx(told["before"] - told["after"], abs=0.11)
    assert told["after"] == pytest.approx(100 * guard.accuracy(model, loss), abs=0.06)


def test_context_is_read_before_the_question(base_model: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(base_model, dtype="float32").requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(base_model)
    colours = ("white", "brown", "green", "black")
    blind = [ChoiceQuestion("What colour is the Quillon?", colours, n) for n in range(4)]
    told = [replace(q, context=f"The Quillon is {colours[q.answer]}.") for q in blind]
    loss = AnswerLoss(model, "float32")
    assert Guard(blind, tokenizer, TRAIN).accuracy(model, loss) == 0.25
    assert Guard(told, tokenizer, TRAIN).accuracy(model, loss) >= 0.75


def _knows(guard: Guard, model: Any, loss: AnswerLoss) -> bool:
    return guard.accuracy(model, loss) == 1.0


def test_guard_leaves_the_model_in_training(tiny_model: str, tokenizer: Any) -> None:
    model = build_model(Base(tiny_model, "float32"), TRAIN).train()
    guard = Guard([ChoiceQuestion("Who?", ("Ann", "Bob"), 0)], tokenizer, TRAIN)
    guard.begin(model, AnswerLoss(model, "float32"))
    assert model.training
