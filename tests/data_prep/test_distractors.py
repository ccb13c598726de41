"""Distractors keep the retriever's order and their shares, and never hold what the oracle holds."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.records import Chunk
from data_prep.sets.distractors import Candidates, Selection, select_distractors, share_out
from data_prep.sets.screen import Screen

ORACLE = "The lamp needs 7 bolts of size 4, and they are tightened crosswise by hand."
QUOTE = "they are tightened crosswise"


def chunk(chunk_id: str, text: str, doc_id: str = "") -> Chunk:
    return Chunk(chunk_id, doc_id or chunk_id, "uri", "", text, None, 0, len(text), 1)


def chunks(*texts: str) -> list[Chunk]:
    return [chunk(f"c{n}", text) for n, text in enumerate(texts, 1)]


def selected(candidates: Candidates, answer: str = "crosswise", **wanted: int) -> Selection:
    oracles = [chunk("oracle", ORACLE)]
    screen = Screen(oracles, [QUOTE], answer, 0.8)
    kinds = {kind.replace("_", "-"): count for kind, count in wanted.items()}
    return select_distractors(candidates, oracles, screen, kinds)  # type: ignore[arg-type]


def chosen(found: list[Chunk], answer: str = "crosswise", count: int = 9) -> list[str]:
    return [c.chunk_id for c, _ in selected(Candidates(found), answer, hard=count).chosen]


def test_first_safe_hits_are_taken_in_the_retrievers_order() -> None:
    assert chosen(chunks("one", "two", "three"), count=2) == ["c1", "c2"]


def test_chunks_of_the_oracle_document_are_no_hard_distractors() -> None:
    assert chosen([*chunks("one"), chunk("other", "beside", doc_id="oracle")]) == ["c1"]


def test_false_negatives_are_replaced_by_the_next_candidate_and_counted() -> None:
    near = ORACLE.replace("The lamp", "A lamp")
    quoting = f"Another manual says: {QUOTE}, and much more about the whole thing."
    found = chunks(ORACLE.upper(), near, quoting, "Turn it CROSSWISE.", "safe", "safe ", "fine")
    selection = selected(Candidates(found), hard=9)
    assert [c.chunk_id for c, _ in selection.chosen] == ["c5", "c7"]
    assert selection.dropped == {
        "same_text": 2, "near_duplicate": 1, "holds_quote": 1, "contains_answer": 1,
    }  # fmt: skip


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
        ("hub.load('a/b', 'x')", 'Use torch.hub.load("a/b", model = "x") here', False),
        ("hub.load('a/b', 'x')", "Use torch.hub.load('a/b', 'y') here", True),
    ],
)
def test_answer_counts_as_whole_words_or_as_the_same_call_and_only_when_it_proves_something(
    answer: str, text: str, kept: bool
) -> None:
    assert bool(chosen(chunks(text), answer)) == kept


def test_fewer_hits_give_fewer_distractors() -> None:
    assert chosen(chunks("one"), count=4) == ["c1"]
    assert chosen([], count=4) == []


def test_kinds_come_from_their_own_candidates_and_none_twice() -> None:
    beside = [chunk("b1", "beside one", "oracle"), chunk("b2", "beside two", "oracle")]
    retrieved = [beside[0], *chunks("hard one", "hard two")]
    anywhere = [chunk("oracle", ORACLE), retrieved[1], chunk("r1", "random one"), beside[1]]
    candidates = Candidates(retrieved, beside, anywhere)
    selection = selected(candidates, hard=1, same_document=1, random=1)
    assert [(c.chunk_id, kind) for c, kind in selection.chosen] == [
        ("c1", "hard"), ("b1", "same-document"), ("r1", "random"),
    ]  # fmt: skip


def test_short_document_is_filled_up_by_hard_ones_and_nothing_else() -> None:
    candidates = Candidates(chunks("one", "two", "three"), (), iter(chunks("four")))
    selection = selected(candidates, hard=1, same_document=1)
    assert [kind for _, kind in selection.chosen] == ["hard", "hard"]
    assert len(selected(Candidates((), (), chunks("one")), hard=2).chosen) == 0


@given(
    count=st.integers(0, 12),
    beside=st.integers(0, 10),
    seed=st.integers(0, 2**32),
)
def test_shares_always_add_up(count: int, beside: int, seed: int) -> None:
    anywhere = 10 - beside
    wanted = share_out(count, beside / 10, anywhere / 10, seed)
    assert sum(wanted.values()) == count
    assert min(wanted.values()) >= 0
    assert wanted["hard"] == 0
    assert share_out(count, 0, 0, seed) == {"same-document": 0, "random": 0, "hard": count}


def test_shares_hold_over_many_examples() -> None:
    found = [share_out(3, 0.2, 0.3, seed) for seed in range(4000)]
    means = {kind: sum(one[kind] for one in found) / 12000 for kind in found[0]}
    assert means["same-document"] == pytest.approx(0.2, abs=0.02)
    assert means["random"] == pytest.approx(0.3, abs=0.02)


class CountingPool:
    """An endless supply that counts what is looked at."""

    def __init__(self, texts: int) -> None:
        self._texts = texts
        self.seen = 0

    def __iter__(self) -> Iterator[Chunk]:
        choice = random.Random(7)
        while True:
            self.seen += 1
            number = choice.randrange(self._texts)
            yield chunk(f"r{number}", f"text number {number}")


@pytest.mark.parametrize("texts", [10, 1_000_000])
def test_work_for_random_picks_does_not_depend_on_the_corpus(texts: int) -> None:
    pool = CountingPool(texts)
    assert len(selected(Candidates((), (), pool), random=4).chosen) == 4
    assert pool.seen <= 12


def test_search_for_a_random_pick_ends_where_there_is_none() -> None:
    pool = CountingPool(1)
    assert len(selected(Candidates((), (), pool), random=2).chosen) == 1
    assert pool.seen == 40
