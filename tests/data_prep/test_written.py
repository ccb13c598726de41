"""Replies of a teacher are read strictly: what is kept is sound, what is not has a reason."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.records import Chunk
from data_prep.teacher.calls import Reply
from data_prep.teacher.prompts import TEACHER_PROMPT_HASH
from data_prep.teacher.screens import is_supported, refers_to_document
from data_prep.teacher.written import Asked, questions_in, record_of

TEXT = (
    "The lamp draws 12 watts. Its warranty lasts 31 months from the day of purchase.\n"
    "Spare bulbs are sold by the shop in Delft, “three to a box” — never alone."
)
CHUNK = Chunk("c1", "lamp.md", "lamp.md", "Lamp", TEXT, None, 0, len(TEXT), 30)
REPLY = Reply("key", "d", "questions", "c1", "wise-2026", "", "stop", 1, 1, "now")
ASKED = Asked("q1", "How long does the warranty of the lamp last?", CHUNK, "first-key")
QUOTE = "##begin_quote##Its warranty lasts 31 months from the day of purchase.##end_quote##"
GOOD = f"{QUOTE}\nThe warranty counts from the purchase.\n<ANSWER>: 31 months"


def read_questions(text: str, most: int = 3, **reply: Any) -> tuple[list[str], list[str]]:
    asked, reasons = questions_in(replace(REPLY, text=text, **reply), CHUNK, most)
    return [one.question for one in asked], reasons


def read_answer(text: str, asked: Asked = ASKED, **reply: Any) -> dict[str, Any] | str:
    return record_of(asked, replace(REPLY, key="second-key", text=text, **reply), "g-1")


@pytest.mark.parametrize(
    "text",
    [
        '{"questions": ["What does the lamp draw?", "Who sells bulbs?"]}',
        '["What does the lamp draw?", "Who sells bulbs?"]',
        '```json\n{"questions": ["1. What does the lamp  draw?", "- Who sells bulbs?"]}\n```',
        '```\n["Q1: What does the lamp draw?", "2) Who sells bulbs?"]\n```',
        '<think>\n["What?"]</think>\n\n["What does the lamp draw?", "Who sells bulbs?"]',
    ],
)
def test_questions_are_read_from_json_in_its_usual_wrappings(text: str) -> None:
    assert read_questions(text) == (["What does the lamp draw?", "Who sells bulbs?"], [])


@pytest.mark.parametrize(
    ("text", "finish_reason", "reason"),
    [
        ("What does the lamp draw?", "stop", "not_json"),
        ('{"questions": "What?"}', "stop", "not_json"),
        ('{"questions": [{"q": "What?"}]}', "stop", "not_json"),
        ('{"questions": ["What does the', "length", "truncated"),
        ("", "stop", "empty"),
        ("<think>What to ask?</think>", "stop", "empty"),
        ("", "content_filter", "content_filter"),
        ("", "too_long", "too_long"),
        ("no", "refusal", "refusal"),
        ("I'm sorry, but I can't help with that.", "stop", "refusal"),
        ('["What does the document say about bulbs?"]', "stop", "refers_to_document"),
        ('["?"]', "stop", "question_length"),
        (json.dumps(["Why " * 200]), "stop", "question_length"),
    ],
)
def test_reply_without_a_usable_question_has_one_reason(
    text: str, finish_reason: str, reason: str
) -> None:
    assert read_questions(text, finish_reason=finish_reason) == ([], [reason])


def test_no_more_questions_are_read_than_asked_for() -> None:
    assert len(read_questions('["What is a?", "What is b?", "What is c?"]', most=2)[0]) == 2


def test_answer_becomes_a_line_of_a_question_file() -> None:
    assert read_answer(GOOD) == {
        "id": "q1",
        "question": "How long does the warranty of the lamp last?",
        "answer": "31 months",
        "oracle": ["lamp.md"],
        "quotes": [
            {
                "doc": "lamp.md",
                "text": "Its warranty lasts 31 months from the day of purchase.",
            }
        ],
        "reasoning": "The warranty counts from the purchase.",
        "metadata": {
            "chunk_id": "c1",
            "teacher": {
                "model": "wise-2026",
                "prompt_hash": TEACHER_PROMPT_HASH,
                "calls": ["first-key", "second-key"],
                "generation": "g-1",
            },
        },
    }


@pytest.mark.parametrize(
    "quote",
    [
        "its Warranty lasts  31 months",
        'sold by the shop in delft, "three to a box" - never alone',
        "The lamp draws 12 watts.\nIts warranty",
    ],
)
def test_quote_that_nearly_matches_is_repaired_to_the_exact_span(quote: str) -> None:
    line = read_answer(f"##begin_quote##{quote}##end_quote##\n<ANSWER>: 31 months")
    assert isinstance(line, dict)
    assert line["quotes"][0]["text"] in TEXT
    assert line["reasoning"] is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{QUOTE}\n31 months", "no_answer_mark"),
        (f"{QUOTE}\n<ANSWER>:", "empty_answer"),
        ("It is long.\n<ANSWER>: 31 months", "no_quote"),
        (
            "##begin_quote##The warranty is 31 months.##end_quote##\n<ANSWER>: 31 months",
            "quote_not_verbatim",
        ),
        (
            f"{QUOTE}##begin_quote##Forever.##end_quote##\n<ANSWER>: 31 months",
            "quote_not_verbatim",
        ),
        ("<ANSWER>: NOT IN DOCUMENT", "unanswerable"),
        (f"{QUOTE}\n<ANSWER>: 32 months", "answer_not_supported"),
        (
            f"{QUOTE}\n<ANSWER>: the manufacturer decides generously",
            "answer_not_supported",
        ),
        (f"{QUOTE}\n<ANSWER>: the document says 31 months", "refers_to_document"),
        ("I cannot answer that.\n<ANSWER>: 31 months", "refusal"),
        ("", "empty"),
    ],
)
def test_answer_that_cannot_be_used_has_one_reason(text: str, reason: str) -> None:
    assert read_answer(text) == reason


def test_answer_loses_the_wrapping_that_models_put_around_it() -> None:
    line = read_answer(f"<think>Let me see.</think>\n{QUOTE}\n<ANSWER>: **31 months**\n")
    assert isinstance(line, dict)
    assert (line["answer"], line["reasoning"]) == ("31 months", None)


def test_answer_cut_by_its_token_limit_is_rejected_whatever_it_holds() -> None:
    assert read_answer(GOOD, finish_reason="length") == "truncated"


def test_reasoning_keeps_only_sentences_that_need_no_document() -> None:
    text = (
        f"The document states {QUOTE} So it is long. According to the text it starts at purchase. "
        "A month has 30 days.\n<ANSWER>: 31 months"
    )
    line = read_answer(text)
    assert isinstance(line, dict)
    assert line["reasoning"] == "So it is long. A month has 30 days."


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)), st.booleans())
def test_every_quote_that_is_kept_is_verbatim_in_the_chunk(a: int, b: int, upper: bool) -> None:
    given_quote = TEXT[min(a, b) : max(a, b)]
    shown = given_quote.upper() if upper else given_quote
    line = read_answer(f"##begin_quote##{shown}##end_quote##\n<ANSWER>: 31 months")
    if isinstance(line, str):
        assert line in ("no_quote", "quote_not_verbatim")
        assert len(given_quote.strip(" \n.\"'“”—")) < 3
    else:
        assert all(quote["text"] in TEXT for quote in line["quotes"])


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    asked, reasons = read_questions(text)
    assert len(asked) + len(reasons) <= 3
    assert read_answer(text) in ("empty", "refusal", "no_answer_mark", "no_quote", "empty_answer")


@pytest.mark.parametrize(
    "text",
    [
        "What does this document describe?", "According to the passage, who wrote the code?",
        "What is mentioned above?", "What is listed in the following table?",
        "Which steps does the section describe?", "What does the given text say about tax?",
        "In the provided context, what is X?", "What is the main idea of the excerpt?",
        "In the article, who is named?", "What does the text say about bulbs?",
    ],
)  # fmt: skip
def test_text_that_needs_its_document_is_recognised(text: str) -> None:
    assert refers_to_document(text)


@pytest.mark.parametrize(
    "text",
    [
        "How long is the warranty of the lamp?", "Which section of a unit file holds ExecStart?",
        "What does the context manager return?", "Who signed the Treaty of Delft?",
        "How many articles did the author publish in 1998?", "What is a document type definition?",
        "Which text editor opens by default?", "Wie lange gilt die Garantie?",
        "In which context is the function called?", "What is above 30 degrees?",
    ],
)  # fmt: skip
def test_text_that_stands_alone_is_not_suspected(text: str) -> None:
    assert not refers_to_document(text)


@pytest.mark.parametrize(
    ("answer", "supported"),
    [
        ("12 watts", True), ("Yes", True), ("none.", True), ("the shop in Delft", True),
        ("in Delft, at the shop", True), ("13 watts", False), ("1", False), ("12.5 watts", False),
        ("Rotterdam", False), ("...", False), ("purchase day", True),
    ],
)  # fmt: skip
def test_answer_is_supported_by_what_the_document_holds(answer: str, supported: bool) -> None:
    assert is_supported(answer, "What about the lamp?", TEXT) == supported


def test_answer_in_a_language_without_spaces_is_compared_by_character() -> None:
    assert is_supported("三十一个月保修", "保修多久?", "这盏灯的保修期为三十一个月。")
    assert not is_supported("永远有效", "保修多久?", "这盏灯的保修期为三十一个月。")
