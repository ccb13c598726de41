"""Distractors keep the retriever's order and never hold what the oracle holds."""

import pytest

from cluster.records import Chunk, Hit
from data_prep.distractors import select_distractors

ORACLE = "The lamp needs 7 bolts of size 4, and they are tightened crosswise by hand."


def chunk(chunk_id: str, text: str, doc_id: str = "") -> Chunk:
    return Chunk(chunk_id, doc_id or chunk_id, "uri", "", text, None, 0, len(text), 1)


def hits(*texts: str) -> list[Hit]:
    return [Hit(chunk(f"c{n}", text), 1 - n / 10, n) for n, text in enumerate(texts, 1)]


def chosen(found: list[Hit], answer: str = "crosswise", count: int = 9) -> list[str]:
    selection = select_distractors(found, [chunk("oracle", ORACLE)], answer, count)
    return [hit.chunk.chunk_id for hit in selection.hits]


def test_first_safe_hits_are_taken_in_the_retrievers_order() -> None:
    assert chosen(hits("one", "two", "three"), count=2) == ["c1", "c2"]


def test_chunks_of_the_oracle_document_are_no_distractors() -> None:
    found = [*hits("one"), Hit(chunk("other", "beside", doc_id="oracle"), 0.5, 2)]
    assert chosen(found) == ["c1"]


def test_false_negatives_are_dropped_and_counted() -> None:
    near = ORACLE.replace("The lamp", "A lamp")
    found = hits(ORACLE.upper(), near, "Turn it CROSSWISE.", "safe", "safe ", "fine")
    selection = select_distractors(found, [chunk("oracle", ORACLE)], "crosswise", 9)
    assert [hit.chunk.chunk_id for hit in selection.hits] == ["c4", "c6"]
    assert selection.dropped == {"same_text": 2, "near_duplicate": 1, "contains_answer": 1}


@pytest.mark.parametrize(
    ("answer", "text", "kept"),
    [
        ("7 bolts", "It takes 7\nbolts.", False),
        ("7 bolts", "It takes 17 bolts.", True),
        ("lamp", "All lamps are off.", True),
        ("C++", "Written in C++.", False),
        ("yes", "yes, indeed", True),
        ("Maybe", "maybe later", True),
        ("12", "12 of them", True),
        ("", "anything", True),
    ],
)
def test_answer_counts_as_whole_words_and_only_when_it_proves_something(
    answer: str, text: str, kept: bool
) -> None:
    assert bool(chosen(hits(text), answer)) == kept


def test_fewer_hits_give_fewer_distractors() -> None:
    assert chosen(hits("one"), count=4) == ["c1"]
    assert chosen([], count=4) == []
