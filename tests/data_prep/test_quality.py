"""What is left out of a set, why, and that each rule can be turned off."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.records import Chunk, Question, Split
from cluster.settings import RaftSettings
from data_prep.sets.oracles import Oracle
from data_prep.sets.quality import check_answer, review

LONG = (
    "how many seconds does the small round button on the back of the speaker have to be held down "
    "until the ring of light turns green again and the device is ready"
)


def question(name: str, text: str, answer: str = "7", split: Split = "train") -> Question:
    return Question(name, text, answer, ("d",), (), None, split)


def reasons(*questions: Question, **settings: bool) -> dict[str, str]:
    _, rejected = review(questions, RaftSettings(**settings))  # type: ignore[arg-type]
    return {rejection.question: rejection.reason for rejection in rejected}


def test_same_words_are_asked_once_and_the_one_that_measures_stays() -> None:
    found = reasons(
        question("a", "How many bolts?"),
        question("b", "how many  BOLTS", split="test"),
        question("c", "How many bolts?!", "8", "validation"),
    )
    assert found == {"a": "duplicate_question", "c": "duplicate_question"}


def test_nearly_the_same_words_count_only_with_the_same_answer_and_oracle() -> None:
    near = LONG.replace("ready", "prepared")
    assert reasons(question("a", LONG), question("b", near)) == {"b": "near_duplicate_question"}
    assert reasons(question("a", LONG), question("b", near, "8")) == {}
    other = replace(question("b", near), oracle=("e",))
    assert reasons(question("a", LONG), other) == {}


@pytest.mark.parametrize(
    "text",
    [
        "According to the passage, how many bolts are needed?",
        "What does this excerpt say about bolts?",
        "How many bolts are shown in the table of the document above?",
        "Based on the given paragraph, who won?",
        "What does the text say about bolts?",
        "How is it described in the document?",
    ],
)
def test_question_that_needs_its_page_is_rejected(text: str) -> None:
    assert reasons(question("a", text)) == {"a": "refers_to_its_source"}


@pytest.mark.parametrize(
    "text",
    [
        "Find me an API that determines the sentiment of a given text.",
        "Who wrote the document that ended the war?",
        "Translate the following text from French to English.",
        "Which article of the constitution guarantees free speech?",
        "Which API generates images based on the text descriptions of scenes?",
    ],
)
def test_question_about_documents_is_kept(text: str) -> None:
    assert reasons(question("a", text)) == {}


def test_each_rule_can_be_turned_off() -> None:
    asked = [question("a", "What does the text say?"), question("b", "what does the text say")]
    assert reasons(*asked, drop_unclear=False) == {"b": "duplicate_question"}
    assert len(reasons(*asked, drop_duplicates=False)) == 2
    assert reasons(*asked, drop_unclear=False, drop_duplicates=False) == {}


@given(order=st.permutations(range(6)))
def test_what_stays_does_not_depend_on_the_order(order: list[int]) -> None:
    asked = [question(f"q{n}", f"Question {n % 3}?", split="test") for n in range(6)]
    kept, _ = review([asked[n] for n in order], RaftSettings())
    assert {found.id for found in kept} == {"q0", "q1", "q2"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("7 bolts", None), ("seven bolts", "answer_not_in_oracle"), ("yes", None)],
)
def test_literal_answer_is_looked_for_in_the_oracles(answer: str, reason: str | None) -> None:
    text = "It needs 7 bolts."
    oracle = Oracle(Chunk("c", "d", "", "", text, None, 0, len(text), 1), (), "given")
    found = check_answer(question("a", "How many?", answer), [oracle])
    assert (found.reason if found else None) == reason
