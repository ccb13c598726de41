"""Token ids with labels: what every mode of training makes of its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

IGNORE = -100
"""Label of a token without loss (the `ignore_index` of PyTorch's cross-entropy)."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one text; labels equal the ids where there is loss, else IGNORE."""

    ids: list[int]
    labels: list[int]

    @property
    def supervised(self) -> int:
        """Tokens with loss; nothing predicts the first."""
        return sum(label != IGNORE for label in self.labels[1:])


class Item(Protocol):
    """A record of a training set."""

    @property
    def id(self) -> str:
        """Names it in every random choice."""

    @property
    def size(self) -> int:
        """About how much text it is, in characters."""


class Encoding(Protocol):
    """How a mode shows its records."""

    def texts(self, item: Any, epoch: int) -> Sequence[Encoded]:
        """The texts of a record in epoch `epoch`, which do not see each other; none when it is too long."""


def end_of_turn(tokenizer: Any) -> int:
    """The token that ends the assistant's turn in the chat template; else the end of sequence."""
    said = "ready"
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": said}]
    rendered = tokenizer.apply_chat_template(turns, tokenize=False)
    rest = rendered.rpartition(said)[2].strip()
    ids = tokenizer(rest, add_special_tokens=False)["input_ids"] if rest else []
    return int(ids[0] if ids else tokenizer.eos_token_id)
