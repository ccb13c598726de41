"""Whether training made a model forget: multiple-choice questions, asked before and after.

A model chooses the answer whose text it finds likeliest after the question, by log-likelihood a
character (`acc_norm` of EleutherAI's evaluation harness), so nothing is generated and no answer format
helps or hurts. Ovadia et al. 2023 (arXiv 2312.05934) score knowledge injection by log-likelihood too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cluster.errors import InputError
from cluster.settings import TrainSettings
from train.batches import micro_batches, pack
from train.encoding import IGNORE, Encoded
from train.model import AnswerLoss


@dataclass(frozen=True, slots=True)
class ChoiceQuestion:
    """`answer` is the place of the right choice, from 0; `context` is read before the question."""

    question: str
    choices: tuple[str, ...]
    answer: int
    context: str = ""


def read_questions(path: Path, limit: int) -> list[ChoiceQuestion]:
    """At most `limit` questions, spread over a file of JSON lines.

    A line has `question`, and `choices` with the index `answer` (as MMLU on Hugging Face) or both in
    `metadata` as `choices` and `answer_index`. InputError names the file and the line.
    """
    if not path.is_file():
        raise InputError(
            f"train.guard={str(path)!r} is no file; give JSON lines of questions with choices"
        )
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    found = [_parse(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]
    if not found:
        raise InputError(f"train.guard={str(path)!r} has no question")
    step = max(1.0, len(found) / limit)
    return [found[int(place * step)] for place in range(min(limit, len(found)))]


def _parse(line: str, where: str) -> ChoiceQuestion:
    try:
        row = json.loads(line)
        source = row if "choices" in row else row["metadata"]
        choices = tuple(map(str, source["choices"]))
        answer = int(source["answer_index"] if "answer_index" in source else source["answer"])
        question = ChoiceQuestion(str(row["question"]), choices, answer)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{where}: not a question with choices ({type(error).__name__}: {error}); wanted are question, "
            "choices and answer, the index of the right one"
        ) from error
    if not 0 <= question.answer < len(question.choices):
        raise InputError(
            f"{where}: answer {question.answer} is none of {len(question.choices)} choices, from 0"
        )
    return question


class Guard:
    """Asks a model the same questions before and after its training."""

    def __init__(
        self, questions: Sequence[ChoiceQuestion], tokenizer: Any, settings: TrainSettings
    ) -> None:
        self._questions = questions
        self._before = 0.0
        self._tokenizer = tokenizer
        self._row_tokens = settings.micro_batch_tokens if settings.packing else 1
        self._texts = [self._encode(q, choice) for q in questions for choice in q.choices]

    def begin(self, model: Any, loss: AnswerLoss) -> None:
        """Remember what the untrained model knows."""
        self._before = self.accuracy(model, loss)

    def tell(self, model: Any, loss: AnswerLoss) -> dict[str, float]:
        """Accuracies before and now in percent, and how many points were lost."""
        before, after = 100 * self._before, 100 * self.accuracy(model, loss)
        shares = {"before": before, "after": after, "drop": before - after}
        rounded = {name: round(value, 1) for name, value in shares.items()}
        return {"questions": len(self._questions), **rounded}

    def accuracy(self, model: Any, loss: AnswerLoss) -> float:
        """Share of right choices of the model behind `loss`; it is left in the mode it was in."""
        training, device = model.training, next(model.parameters()).device
        likelihoods: dict[int, float] = {}
        model.eval()
        with torch.no_grad():
            for group in micro_batches(self._texts, self._row_tokens):
                losses = loss.each(pack(group).to(device)).tolist()
                likelihoods |= {id(text): -one for text, one in zip(group, losses, strict=True)}
        model.train(training)
        scores = iter([likelihoods[id(text)] for text in self._texts])
        right = [self._is_right(q, [next(scores) for _ in q.choices]) for q in self._questions]
        return sum(right) / len(right)

    def _encode(self, question: ChoiceQuestion, choice: str) -> Encoded:
        before = f"{question.context}\n\n" if question.context else ""
        head = self._ids(f"{before}Question: {question.question}\nAnswer:")
        tail = self._ids(f" {choice}")
        return Encoded(head + tail, [IGNORE] * len(head) + tail)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    @staticmethod
    def _is_right(question: ChoiceQuestion, scores: Sequence[float]) -> bool:
        each = [score / len(c) for score, c in zip(scores, question.choices, strict=True)]
        return each.index(max(each)) == question.answer
