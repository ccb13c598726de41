"""A conversation -> token ids and labels: the model's chat template, loss on what the assistant says.

Each answer is cut out of the rendered conversation behind the prompt that serving would send for it,
so prompt and answer are tokenised apart, as they are when the model generates.
"""

from collections.abc import Iterator
from typing import Any

from cluster.errors import InputError
from cluster.records import Conversation
from train.encoding import IGNORE, Encoded, end_of_turn


class ConversationEncoder:
    """Encodes conversations of at most `max_tokens` tokens; a longer one is left out, never cut."""

    def __init__(self, tokenizer: Any, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._end = end_of_turn(tokenizer)
        self._end_text = str(tokenizer.convert_ids_to_tokens(self._end))

    def texts(self, item: Conversation, epoch: int) -> list[Encoded]:
        """One text, the same in every epoch. InputError when the chat template cannot show it."""
        ids: list[int] = []
        labels: list[int] = []
        for text, answer in self._parts(item):
            part = self._ids(text) + ([self._end] if answer is not None else [])
            ids += part
            labels += part if answer else [IGNORE] * len(part)
        return [Encoded(ids, labels)] if len(ids) <= self._max_tokens else []

    def _parts(self, item: Conversation) -> Iterator[tuple[str, bool | None]]:
        """Stretches of the rendered conversation up to its last answer.

        An answer is marked with whether it is to be learned; what stands between answers with None.
        """
        turns = [{"role": turn.role, "content": turn.content} for turn in item.messages]
        whole, at = self._render(item, turns), 0
        for place, turn in enumerate(item.messages):
            if turn.role != "assistant":
                continue
            prompt = self._render(item, turns[:place], add_generation_prompt=True)
            said = (
                turn.content
                if whole.startswith(turn.content, len(prompt))
                else turn.content.strip()
            )
            if not (whole.startswith(prompt) and whole.startswith(said, len(prompt))):
                raise InputError(
                    f"conversation {item.id}: the chat template does not show turn {place + 1} behind "
                    "the prompt for it (it rewrites earlier turns or the answer); train on conversations "
                    "with one answer each, or set models.base to a model with another template"
                )
            yield whole[at : len(prompt)], None
            yield said, turn.learn
            at = len(prompt) + len(said)
            at += len(self._end_text) if whole.startswith(self._end_text, at) else 0

    def _render(self, item: Conversation, turns: list[dict[str, str]], **options: bool) -> str:
        from jinja2 import TemplateError

        try:
            return str(self._tokenizer.apply_chat_template(turns, tokenize=False, **options))
        except TemplateError as error:
            roles = ", ".join(turn["role"] for turn in turns)
            raise InputError(
                f"conversation {item.id}: the model's chat template refuses turns of {roles}: {error}; "
                "most templates want user and assistant in turn, after at most one system message"
            ) from error

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])
