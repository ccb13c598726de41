"""Messages -> token ids, checked against what an engine can take: alike for every engine."""

from collections.abc import Sequence
from typing import Any

from cluster.errors import ContextError, UsageError
from cluster.prompts import Message


def encode_messages(tokenizer: Any, messages: Sequence[Message]) -> tuple[int, ...]:
    """The chat template's ids, with the beginning of an answer."""
    text = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
    return tuple(tokenizer(text, add_special_tokens=False).input_ids)


def check_prompt(ids: Sequence[int], max_tokens: int, context_tokens: int, vocabulary: int) -> None:
    """ContextError when prompt and answer do not fit; UsageError when an id is none of the model's."""
    if len(ids) + max_tokens > context_tokens:
        raise ContextError(
            f"the prompt has {len(ids)} tokens and max_tokens is {max_tokens}: together more than "
            f"the context of {context_tokens}; shorten one of them"
        )
    if not 0 <= min(ids) <= max(ids) < vocabulary:
        raise UsageError(
            f"the prompt has token ids from {min(ids)} to {max(ids)}; the model knows 0 to "
            f"{vocabulary - 1}: encode it with the model's own tokenizer"
        )
