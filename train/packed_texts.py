"""A row of a CPT set -> one text for each document in it, with loss on every token.

Documents that share a row only for its length do not see each other: each is a text of its own, which
costs nothing because texts of similar length are computed together.
"""

from collections.abc import Iterator
from typing import Any

from cluster.records import PackedText
from train.encoding import Encoded


class PackedTextEncoder:
    """Encodes segments with an end of text; one longer than `max_tokens` becomes several texts."""

    def __init__(self, tokenizer: Any, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens

    def texts(self, item: PackedText, epoch: int) -> list[Encoded]:
        """The same in every epoch."""
        return [
            text
            for segment in item.segments
            for text in self._of(item.text[segment.start : segment.end])
        ]

    def _of(self, text: str) -> Iterator[Encoded]:
        ids = list(self._tokenizer(text)["input_ids"])
        if ids[-1:] != [self._tokenizer.eos_token_id]:
            ids.append(self._tokenizer.eos_token_id)
        for start in range(0, len(ids), self._max_tokens):
            part = ids[start : start + self._max_tokens]
            if len(part) > 1:  # a token alone predicts nothing
                yield Encoded(part, part)
