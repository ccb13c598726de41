"""How long an example is for the model that will train on it, counted by that model's tokenizer."""

from typing import Any

from cluster.prompts import render, render_target
from cluster.records import RaftExample

_END_OF_TURN = 1


class Lengths:
    """Counts tokens as training does: chat template, prompt, target, end of turn."""

    def __init__(self, tokenizer: Any, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self.max_tokens = max_tokens

    def tokens(self, example: RaftExample) -> int:
        """Tokens of prompt and target together."""
        target = render_target(example.reasoning, example.open_book_answer)
        prompt = self._tokenizer.apply_chat_template(
            render(example.question, example.documents), add_generation_prompt=True, tokenize=False
        )
        texts = self._tokenizer([prompt, target], add_special_tokens=False)["input_ids"]
        return sum(len(ids) for ids in texts) + _END_OF_TURN
