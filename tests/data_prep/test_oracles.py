"""Every oracle carries quotes that are spans of its chunk, or the question is rejected by reason."""

from dataclasses import replace

import pytest

from cluster.records import Chunk, Question, SourceQuote
from data_prep.oracles import Oracle, Rejection, find_oracles

FIRST = "The lamp needs 7 bolts of size 4. Tighten them crosswise."
SECOND = "Wipe the shade with a dry cloth only. Water leaves marks on the brass."
QUESTION = Question("q", "How many bolts?", "7", ("lamp.md",), (), None, "train")


def chunk(chunk_id: str, text: str, doc_id: str = "lamp.md") -> Chunk:
    return Chunk(chunk_id, doc_id, "uri", "", text, None, 0, len(text), 1)


CHUNKS = {
    "lamp.md": [chunk("c1", FIRST), chunk("c2", SECOND)],
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
    assert (oracle.chunk.chunk_id, oracle.origin) == ("c2", "given")
    assert spans(oracle) == ["Water leaves marks on the brass."]


def test_chunk_with_most_quotes_wins_and_quotes_keep_their_order() -> None:
    question = quoted("Water leaves marks", "Tighten them", "lamp needs 7 bolts")
    oracle = only(find_oracles(question, CHUNKS))
    assert spans(oracle) == ["lamp needs 7 bolts", "Tighten them"]


def test_quote_with_other_typography_is_taken_as_the_source_writes_it() -> None:
    oracle = only(find_oracles(quoted("the  LAMP needs\n7 bolts"), CHUNKS))
    assert spans(oracle) == ["The lamp needs 7 bolts"]


def test_quote_over_a_chunk_border_is_repaired_by_its_best_sentence() -> None:
    oracle = only(
        find_oracles(quoted("Wipe the shade with a dry cloth only, as we said before"), CHUNKS)
    )
    assert oracle.origin == "repaired"
    assert spans(oracle) == ["Wipe the shade with a dry cloth only."]


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
