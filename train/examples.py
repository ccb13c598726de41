"""A RAFT example -> token ids and labels of one training text.

The prompt is exactly what serving sends (`cluster.prompts` + the model's chat template) and carries
no loss; the target and the end of the assistant's turn carry it. Mode `raft` shows the documents,
in an order that changes with every epoch so that the oracle's place teaches nothing (RAFT shuffles
too); mode `dsf` asks the question alone.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.keys import seed_of
from cluster.prompts import QUOTE_BEGIN, QUOTE_END, Message, render, render_target
from cluster.records import ContextDocument, RaftExample
from train.encoding import IGNORE, Encoded, end_of_turn
from train.modes import Mode

# a quote, which stays as it is, or the number of a document that the reasoning mentions
_MENTION = re.compile(
    f"{re.escape(QUOTE_BEGIN)}.*?{re.escape(QUOTE_END)}" + r"|\bDocument \[(\d+)\]", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Text:
    """What the model reads and what it should write."""

    messages: list[Message]
    target: str


class Encoder:
    """Encodes examples for one mode, within `max_tokens` per text.

    A text that is too long loses distractors, the last in the prompt first, never the oracle, a
    document that the reasoning speaks of, or a part of the answer.
    """

    def __init__(self, tokenizer: Any, mode: Mode, max_tokens: int, seed: int) -> None:
        self._tokenizer = tokenizer
        self._mode = mode
        self._max_tokens = max_tokens
        self._seed = seed
        self._end_of_turn = end_of_turn(tokenizer)

    def texts(self, item: RaftExample, epoch: int) -> list[Encoded]:
        """The example as one text; none when it does not fit."""
        encoded = self.encode(item, epoch)
        return [] if encoded is None else [encoded]

    def encode(self, example: RaftExample, epoch: int) -> Encoded | None:
        """The example as epoch `epoch` shows it; None when it does not fit into `max_tokens`."""
        if self._mode == "dsf":
            return self._tokens(closed_book(example))
        order = document_order(example, epoch, self._seed)
        while (encoded := self._tokens(open_book(example, order))) is None:
            spare = [index for index in order if not _needed(example, index)]
            if not spare:
                return None
            order = [index for index in order if index != spare[-1]]
        return encoded

    def _tokens(self, text: Text) -> Encoded | None:
        prompt = self._tokenizer.apply_chat_template(
            text.messages, add_generation_prompt=True, tokenize=False
        )
        head = self._ids(prompt)
        tail = [*self._ids(text.target), self._end_of_turn]
        if len(head) + len(tail) > self._max_tokens:
            return None
        return Encoded(head + tail, [IGNORE] * len(head) + tail)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def closed_book(example: RaftExample) -> Text:
    """The question alone -> reasoning that needs no documents, and the answer."""
    target = render_target(example.plain_reasoning, example.answer)
    return Text(render(example.question, ()), target)


def open_book(example: RaftExample, order: Sequence[int]) -> Text:
    """The question with documents `order` -> reasoning that counts them as the prompt does."""
    documents = [example.documents[index] for index in order]
    places = {index + 1: place for place, index in enumerate(order, 1)}
    target = render_target(renumber(example.reasoning, places), example.open_book_answer)
    return Text(render(example.question, documents), target)


def document_order(example: RaftExample, epoch: int, seed: int) -> list[int]:
    """A uniform permutation of the documents, decided by example, epoch and seed alone."""
    order = list(range(len(example.documents)))
    random.Random(seed_of("documents", example.id, epoch, seed)).shuffle(order)
    return order


def renumber(reasoning: str, places: dict[int, int]) -> str:
    """`reasoning` with every `Document [old]` outside quotes as `Document [places[old]]`."""

    def replace(match: re.Match[str]) -> str:
        number = match[1] and places.get(int(match[1]))
        return f"Document [{number}]" if number else match[0]

    return _MENTION.sub(replace, reasoning)


def _needed(example: RaftExample, index: int) -> bool:
    document: ContextDocument = example.documents[index]
    mentioned = {match[1] for match in _MENTION.finditer(example.reasoning)}
    quoted = {quote.chunk_id for quote in example.quotes}
    return document.role == "oracle" or document.chunk_id in quoted or str(index + 1) in mentioned
