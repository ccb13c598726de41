"""One retriever: equal texts are one hit, scores have a least, and questions are text."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.corpora import Generation
from cluster.equal_hits import fold
from cluster.errors import UsageError
from cluster.questions import MAX_PARTS, check_question, parts_of
from cluster.records import Chunk, Hit, hit_json
from cluster.retrieval import Retriever, Wanted
from cluster.settings import RetrievalSettings
from cluster.vectors import SearchOptions

GENERATION = Generation("c", "g", "c_g", {}, "e", 1, 1, 1, "2026")


def hit(rank: int, text: str, score: float = 0.5) -> Hit:
    chunk = Chunk(f"c{rank}", f"d{rank}.md", f"file:///d{rank}.md", "T", text, rank, 0, 1, 1)
    return Hit(chunk, score, rank)


class FixedSearch:
    """Finds the same for every question, as deep as it is asked."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        self.hits = list(hits)
        self.depths: list[int] = []

    def search(
        self, collection: str, texts: Sequence[str], vectors_QE: np.ndarray, options: SearchOptions
    ) -> list[list[Hit]]:
        self.depths.append(options.top_k)
        return [self.hits[: options.top_k] for _ in texts]


class NoEmbedder:
    def embed_queries(self, texts: Sequence[str]) -> np.ndarray:
        return np.zeros((len(texts), 1), dtype=np.float32)


def retriever(search: FixedSearch, **settings: object) -> Retriever:
    return Retriever(NoEmbedder(), search, RetrievalSettings(**settings))  # type: ignore[arg-type]


def test_equal_texts_are_one_hit_with_all_places() -> None:
    same = [
        "Water it at six.",
        "water  it\nat six.",
        "> Water it at six.",
        "## Water it **at six**.",
    ]
    found = fold(
        [hit(1, same[0]), hit(2, "Not in rain."), *(hit(n, t) for n, t in enumerate(same, 3))]
    )
    assert [one.chunk.chunk_id for one in found] == ["c1", "c2"]
    assert [one.rank for one in found] == [1, 2]
    assert [place.doc_id for place in found[0].also] == ["d3.md", "d4.md", "d5.md", "d6.md"]
    assert hit_json(found[0])["also"][0] == {
        "chunk_id": "c3", "doc_id": "d3.md", "uri": "file:///d3.md", "title": "T", "page": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    "other", ["Region: North\n2022: 121", "Region: South\n2022: 120", "Region: North\n2022: -120"]
)
def test_rows_that_differ_in_one_value_stay_apart(other: str) -> None:
    assert len(fold([hit(1, "Region: North\n2022: 120"), hit(2, other)])) == 2


@given(st.lists(st.sampled_from(["a", "A ", "b", "c d", "c  D", "***", "?"]), max_size=12))
def test_folding_loses_no_place_and_keeps_the_order(texts: list[str]) -> None:
    hits = [hit(n, text) for n, text in enumerate(texts, 1)]
    found = fold(hits)
    places = [one.chunk.chunk_id for one in found] + [p.chunk_id for one in found for p in one.also]
    assert sorted(places) == sorted(one.chunk.chunk_id for one in hits)
    assert fold(found) == found


def test_many_copies_leave_room_for_other_texts() -> None:
    copies = [hit(n, "Water it at six.") for n in range(1, 41)]
    search = FixedSearch([*copies, hit(41, "Not in rain."), hit(42, "Pump."), hit(43, "Hose.")])
    (found,) = retriever(search).retrieve(GENERATION, ["When?"], top_k=3)
    assert [one.chunk.text for one in found] == ["Water it at six.", "Not in rain.", "Pump."]
    assert len(found[0].also) == 39
    assert search.depths[-1] <= 1000


def test_one_text_only_ends_with_one_hit() -> None:
    search = FixedSearch([hit(n, "Same.") for n in range(1, 5000)])
    (found,) = retriever(search).retrieve(GENERATION, ["When?"], top_k=3)
    assert len(found) == 1
    assert max(search.depths) == 1000


@pytest.mark.parametrize("how", ["asked", "settings"])
def test_min_score_leaves_out_what_is_below_and_looks_further(how: str) -> None:
    low = [hit(n, f"by words {n}", 0.04) for n in range(1, 30)]
    search = FixedSearch([*low, hit(30, "near", 0.6)])
    one = retriever(search, **({"min_score": 0.3} if how == "settings" else {}))
    wanted = Wanted(top_k=2, min_score=0.3 if how == "asked" else None)
    (found,) = one.retrieve_wanted(GENERATION, ["When?"], wanted)
    assert [(one.chunk.text, one.rank) for one in found] == [("near", 1)]


def test_min_score_of_the_question_goes_before_that_of_the_settings() -> None:
    search = FixedSearch([hit(1, "far", 0.1)])
    one = retriever(search, min_score=0.3)
    assert one.retrieve_wanted(GENERATION, ["q"], Wanted(min_score=-1)) != [[]]
    assert one.retrieve(GENERATION, ["q"]) == [[]]


@pytest.mark.parametrize(
    ("question", "said"),
    [("", "empty"), (" \n\t", "empty"), ("Which bolts? \ud83d", "character 14 is U\\+D83D"),
     ("caf\udce9", "character 4 is U\\+DCE9")],
)  # fmt: skip
def test_question_that_is_no_text_is_refused_by_its_place(question: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        retriever(FixedSearch([])).retrieve(GENERATION, ["fine", question])


def test_filter_that_is_no_text_is_refused() -> None:
    with pytest.raises(UsageError, match="the filter: character 12"):
        retriever(FixedSearch([])).retrieve(
            GENERATION, ["q"], filter='title == "a\udc80"'[0:11] + "\udc80"
        )


@pytest.mark.parametrize("question", ["a\x00b", "x" * 50_000, "🙂", "\u200b?"])
def test_question_that_is_odd_but_text_is_asked(question: str) -> None:
    check_question(question)


@given(st.integers(1, 400), st.integers(1, 40))
def test_parts_of_a_long_text_cover_its_ends_and_are_few(tokens: int, room: int) -> None:
    text = "".join(f"{n:04d} " for n in range(tokens))
    offsets = [(5 * n, 5 * n + 4) for n in range(tokens)]
    *pieces, first, last = parts_of(text, offsets, room)
    assert len(pieces) == min(-(-tokens // room), MAX_PARTS)
    assert pieces[0].startswith("0000")
    assert pieces[-1].endswith(last[-4:])
    assert first.startswith("0000")
    assert all(len(piece.split()) <= room for piece in (*pieces, first, last))
