"""A call to the teacher and its reply: what travels between prompts, client and ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cluster.keys import content_id
from cluster.prompts import Message
from data_prep.teacher.budget import Usage, most_tokens

Kind = Literal["questions", "answer"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `order` is the set that pays for it, `subject` the id of the chunk or question."""

    key: str
    order: str
    kind: Kind
    subject: str
    messages: tuple[Message, ...]
    model: str
    parameters: Mapping[str, Any]
    most_out: int

    @property
    def most(self) -> Usage:
        """An upper bound of what it takes."""
        return Usage(1, most_tokens(self.messages), self.most_out)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answered call: `model` is what the endpoint says served it.

    `finish_reason` is the endpoint's (`stop`, `length`, ...) or our `refusal`, `content_filter`,
    `too_long` for a call that it will never answer.
    """

    key: str
    order: str
    kind: Kind
    subject: str
    model: str
    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    created: str

    @property
    def usage(self) -> Usage:
        """What it took."""
        return Usage(1, self.tokens_in, self.tokens_out)


def call_key(model: str, messages: Sequence[Message], parameters: Mapping[str, Any]) -> str:
    """The name of a call: equal requests have equal names on every machine."""
    return content_id("call", model, list(messages), dict(parameters), length=32)
