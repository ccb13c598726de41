"""Every oracle carries quotes that are spans of its chunk, or the question is rejected by reason."""

from dataclasses import replace

import pytest

from cluster.records import Chunk, Question, SourceQuote
from data_prep.sets.oracles import Oracle, Rejection, find_oracles

FIRST = "The lamp needs 7 bolts of size 4. Tighten them crosswise."
SECOND = "Wipe the shade with a dry cloth only. Water leaves marks on the brass."
QUESTION = Question("q", "How many bolts?", "7", ("lamp.md",), (), None, "train")


def chunk(chunk_id: str, text: str, doc_id: str = "lamp.md") -> Chunk:
    return Chunk(chunk_id, doc_id, "uri", "", text, None, 0, len(text), 1)


def place(found: Chunk, start: int) -> Chunk:
    """The chunk at another place of its document."""
    return replace(found, start=start, end=start + len(found.text))


CHUNKS = {
    "lamp.md": [chunk("c1", FIRST), place(chunk("c2", SECOND), len(FIRST) + 1)],
    "b.md": [chunk("b1", "Bolts.", "b.md")],
}


def quoted(*texts: str) -> Question:
    return replace(QUESTION, quotes=tuple(SourceQuote("lamp.md", text) for text in texts))


def only(found: tuple[Oracle, ...] | Rejection) -> Oracle:
    assert isinstance(found, tuple)
    assert len(found) == 1
    return found[0]


def spans(oracle: Oracle) -> list[str]:
    assert {quote.chunk_id for quote in oracle.quotes} <= {oracle.chunk.chunk_id}
    return [oracle.chunk.text[quote.start : quote.end] for quote in oracle.quotes]


def test_given_quote_decides_the_chunk() -> None:
    oracle = only(find_oracles(quoted("Water leaves marks on the brass."), CHUNKS))
    assert (oracle.chunk.chunk_id, oracle.origin, oracle.lost) == ("c2", "given", 0)
    assert spans(oracle) == ["Water leaves marks on the brass."]


def test_chunk_with_most_quotes_wins_and_quotes_keep_their_order() -> None:
    question = quoted("Water leaves marks", "Tighten them", "lamp needs 7 bolts")
    oracle = only(find_oracles(question, CHUNKS))
    assert spans(oracle) == ["lamp needs 7 bolts", "Tighten them"]


@pytest.mark.parametrize(
    "given",
    [
        "the  LAMP needs\n7 bolts",
        "The lamp needs — 7 bolts",
        "“The lamp needs 7 bolts”",
        "The lamp, needs; 7 bolts...",
    ],
)
def test_near_miss_is_repaired_to_the_exact_span(given: str) -> None:
    oracle = only(find_oracles(quoted(given), CHUNKS))
    assert oracle.origin == "repaired"
    assert spans(oracle) == ["The lamp needs 7 bolts"]


def test_quote_over_a_chunk_border_keeps_its_longer_part() -> None:
    text = "Wipe the shade with a dry cloth only and do so every day. Then switch it on."
    at = text.index("every")
    parts = {"lamp.md": [chunk("c1", text[:at]), place(chunk("c2", text[at:]), at)]}
    question = quoted("Wipe the shade with a dry cloth only and do so every day.")
    oracle = only(find_oracles(question, parts))
    assert oracle.origin == "cut"
    assert oracle.chunk.chunk_id == "c1"
    assert spans(oracle) == ["Wipe the shade with a dry cloth only and do so"]


def test_quote_that_is_only_similar_is_rejected() -> None:
    found = find_oracles(quoted("Wipe the lamp shade with a dry cloth, as we said before"), CHUNKS)
    assert isinstance(found, Rejection)
    assert found.reason == "quote_not_found"


def test_quotes_that_are_not_found_beside_others_are_counted() -> None:
    oracle = only(find_oracles(quoted("lamp needs 7 bolts", "made up by nobody knows"), CHUNKS))
    assert (spans(oracle), oracle.lost) == (["lamp needs 7 bolts"], 1)


def test_without_quotes_the_sentence_about_the_reasoning_is_extracted() -> None:
    question = replace(QUESTION, reasoning="Water leaves marks, so wipe dry.", answer="brass")
    oracle = only(find_oracles(question, CHUNKS))
    assert oracle.origin == "extracted"
    assert spans(oracle) == ["Water leaves marks on the brass."]


def test_each_oracle_document_gives_one_chunk() -> None:
    found = find_oracles(replace(QUESTION, oracle=("b.md", "lamp.md")), CHUNKS)
    assert isinstance(found, tuple)
    assert [oracle.chunk.doc_id for oracle in found] == ["b.md", "lamp.md"]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (replace(QUESTION, answer=" "), "empty_answer"),
        (replace(QUESTION, oracle=()), "no_oracle"),
        (replace(QUESTION, oracle=("lamp.md", "lost.md")), "oracle_not_in_corpus"),
        (quoted("Nobody ever wrote this sentence here"), "quote_not_found"),
    ],
)
def test_question_that_cannot_be_used_says_why(question: Question, reason: str) -> None:
    found = find_oracles(question, CHUNKS)
    assert isinstance(found, Rejection)
    assert (found.question, found.reason) == ("q", reason)
    assert found.detail
