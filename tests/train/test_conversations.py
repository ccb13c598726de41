"""Loss on what the assistant says and nowhere else, in the model's own chat template."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import InputError
from cluster.records import Conversation, Turn
from tests.training_sets import chats
from train.conversations import ConversationEncoder
from train.encoding import IGNORE, Encoded

WORDS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=30).filter(str.strip)


def learned(tokenizer: Any, text: Encoded) -> str:
    return str(tokenizer.decode([label for label in text.labels if label != IGNORE]))


def encode(tokenizer: Any, *turns: Turn, max_tokens: int = 512) -> list[Encoded]:
    return ConversationEncoder(tokenizer, max_tokens).texts(
        Conversation("c", turns, "train"), epoch=0
    )


def test_conversation_every_answer_and_its_end_is_learned(tokenizer: Any) -> None:
    (text,) = ConversationEncoder(tokenizer, 512).texts(chats(1)[0], epoch=0)
    answers = "Lamp number 0, glad to glow.<|im_end|>Lamp number 1, glad to glow.<|im_end|>"
    assert learned(tokenizer, text) == answers


def test_conversation_is_read_as_the_template_shows_it(tokenizer: Any) -> None:
    chat = chats(1)[0]
    (text,) = ConversationEncoder(tokenizer, 512).texts(chat, epoch=0)
    turns = [{"role": turn.role, "content": turn.content} for turn in chat.messages]
    rendered = tokenizer.apply_chat_template(turns, tokenize=False)
    assert tokenizer.decode(text.ids) == rendered.rstrip("\n")


def test_conversation_answer_without_learn_is_only_read(tokenizer: Any) -> None:
    (text,) = ConversationEncoder(tokenizer, 512).texts(chats(2)[1], epoch=0)
    assert learned(tokenizer, text) == "Lamp number 2, glad to glow.<|im_end|>"


def test_conversation_prompt_is_tokenised_as_serving_does(tokenizer: Any) -> None:
    (text,) = encode(tokenizer, Turn("user", "Hello"), Turn("assistant", " there"))
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello"}], tokenize=False, add_generation_prompt=True
    )
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert text.ids[: len(ids)] == ids
    assert text.labels[: len(ids)] == [IGNORE] * len(ids)


def test_conversation_that_is_too_long_is_left_out_whole(tokenizer: Any) -> None:
    turns = (Turn("user", "Hello " * 50), Turn("assistant", "there"))
    assert encode(tokenizer, *turns, max_tokens=40) == []
    (whole,) = encode(tokenizer, *turns)
    assert len(encode(tokenizer, *turns, max_tokens=len(whole.ids))) == 1


@settings(max_examples=40, deadline=None)
@given(said=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=3))
def test_conversation_learns_exactly_the_answers(
    tokenizer: Any, said: list[tuple[str, str]]
) -> None:
    turns = [t for q, a in said for t in (Turn("user", q), Turn("assistant", a))]
    (text,) = encode(tokenizer, *turns, max_tokens=4096)
    expected = []
    for _, answer in said:
        expected += [
            *tokenizer(answer, add_special_tokens=False)["input_ids"],
            tokenizer.eos_token_id,
        ]
    assert [label for label in text.labels if label != IGNORE] == expected


def test_conversation_that_a_template_rewrites_is_refused(tokenizer: Any) -> None:
    class Upper(type(tokenizer)):  # type: ignore[misc]
        pass

    shouting = Upper.from_pretrained(tokenizer.name_or_path)
    shouting.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] | upper }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    with pytest.raises(InputError, match=r"conversation c: .*does not show turn 2"):
        encode(shouting, Turn("user", "Hello"), Turn("assistant", "there"))


def test_conversation_that_a_template_refuses_says_why(tokenizer: Any) -> None:
    strict = type(tokenizer).from_pretrained(tokenizer.name_or_path)
    strict.chat_template = (
        "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{{ m['content'] }}\n{% endfor %}"
    )
    with pytest.raises(InputError, match=r"user, user, assistant: roles must alternate"):
        encode(strict, Turn("user", "a"), Turn("user", "b"), Turn("assistant", "c"))
