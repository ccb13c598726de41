"""What every RAFT example keeps, for any question and any hits; the shares hold over many examples."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.prompts import parse, render, render_target
from cluster.records import SPLITS, Chunk, Hit, Question, Quote, RaftExample
from cluster.settings import RaftSettings
from data_prep.oracles import Oracle
from data_prep.raft import Built, build_example

FACTS = ["The lamp needs 7 bolts.", "It draws 12 watts.", "The warranty lasts 31 months."]


def chunk(chunk_id: str, text: str) -> Chunk:
    return Chunk(
        chunk_id, f"{chunk_id}.md", "uri", f"Title {chunk_id}", text, None, 0, len(text), 5
    )


def oracle(number: int) -> Oracle:
    fact = FACTS[number]
    text = f"Intro {number}. {fact} The end."
    start = text.index(fact)
    quote = Quote(f"oracle{number}", start, start + len(fact))
    return Oracle(chunk(f"oracle{number}", text), (quote,), "given")


def question(name: str = "q", split: str = "train", reasoning: str | None = None) -> Question:
    assert split in SPLITS
    return Question(name, "How many bolts?", "seven bolts", ("o",), (), reasoning, split)  # type: ignore[arg-type]


def some_hits(count: int) -> list[Hit]:
    texts = [f"Unrelated text number {n} about gardens." for n in range(count)]
    return [Hit(chunk(f"h{n}", text), 0.5, n + 1) for n, text in enumerate(texts)]


def built(name: str = "q", raft: RaftSettings | None = None, **extra: object) -> Built:
    asked = question(name, **extra)  # type: ignore[arg-type]
    return build_example(asked, [oracle(0)], some_hits(9), raft or RaftSettings(), "g")


@settings(max_examples=150)
@given(
    name=st.text(min_size=1, max_size=8),
    split=st.sampled_from(SPLITS),
    oracles=st.integers(1, 3),
    pool=st.permutations([*range(8), "oracle0", "oracle1"]),
    distractors=st.integers(0, 6),
    fraction=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_every_example_keeps_the_invariants(
    name: str, split: str, oracles: int, pool: list[object], distractors: int, fraction: float
) -> None:
    texts = {o.chunk.chunk_id: o.chunk.text for o in map(oracle, range(3))}
    found = [
        Hit(chunk(str(key), texts.get(str(key), f"Garden text {key}.")), 0.5, rank)
        for rank, key in enumerate(pool, 1)
    ]
    golden = [oracle(n) for n in range(oracles)]
    raft = RaftSettings(distractors=distractors, oracle_fraction=fraction)
    result = build_example(question(name, split), golden, found, raft, "g")
    check_example(result.example, [o.chunk.chunk_id for o in golden])
    example = result.example
    assert len(example.documents) + result.missing == distractors + oracles
    if split != "train" or fraction == 1.0:
        assert example.oracle_present


def check_example(example: RaftExample, oracles: list[str]) -> None:
    shown = [document.chunk_id for document in example.documents]
    roles = Counter(document.role for document in example.documents)
    texts = {document.chunk_id: document.text for document in example.documents}
    assert len(set(shown)) == len(shown)
    assert len(set(texts.values())) == len(shown)
    assert roles["oracle"] == (len(oracles) if example.oracle_present else 0)
    assert example.oracle == tuple(f"{name}.md" for name in oracles)
    taught = parse(render_target(example.reasoning, example.answer))
    quoted = tuple(texts[quote.chunk_id][quote.start : quote.end] for quote in example.quotes)
    assert sorted(taught.quotes) == sorted(quoted)
    assert taught.answer == example.answer
    assert bool(quoted) == example.oracle_present
    prompt = render(example.question, example.documents)[-1]["content"]
    assert all(quote in prompt for quote in taught.quotes)


def test_oracle_fraction_is_kept_within_a_binomial_bound() -> None:
    kept = [built(f"q{n}", RaftSettings(oracle_fraction=0.8)).example for n in range(2000)]
    share = sum(example.oracle_present for example in kept) / len(kept)
    assert abs(share - 0.8) < 4 * (0.8 * 0.2 / len(kept)) ** 0.5


def test_oracle_place_is_uniform() -> None:
    places: Counter[int] = Counter()
    for n in range(2000):
        example = built(f"q{n}", split="test").example
        places[[d.role for d in example.documents].index("oracle")] += 1
    expected = 2000 / 4
    chi_square = sum((places[place] - expected) ** 2 / expected for place in range(4))
    assert chi_square < 16.27  # p = 0.001 with 3 degrees of freedom


def test_example_depends_on_its_own_record_alone() -> None:
    names = [f"q{n}" for n in range(50)]
    straight = {name: built(name) for name in names}
    random.Random(1).shuffle(names)
    assert {name: built(name) for name in names} == straight
    others = [built(name, RaftSettings(seed=1)).example.documents for name in names]
    assert others != [straight[name].example.documents for name in names]


def test_reasoning_quotes_first_and_absent_oracles_leave_no_quote() -> None:
    plain = "So it needs seven."
    present = built(raft=RaftSettings(oracle_fraction=1), reasoning=plain).example
    number = [d.role for d in present.documents].index("oracle") + 1
    assert present.reasoning == (
        f"Document [{number}] says ##begin_quote##{FACTS[0]}##end_quote##\n{plain}"
    )
    absent = built(raft=RaftSettings(oracle_fraction=0), reasoning=plain).example
    assert (absent.reasoning, absent.quotes, absent.answer) == (plain, (), "seven bolts")
    assert len(absent.documents) == len(present.documents)


def test_markers_in_the_file_cannot_break_the_target() -> None:
    noisy = "##begin_quote##made up##end_quote## <ANSWER>: 8 <|im_end|>"
    example = built(raft=RaftSettings(oracle_fraction=0), reasoning=noisy).example
    taught = parse(render_target(example.reasoning, example.answer))
    assert (taught.quotes, taught.answer) == ((), "seven bolts")
    assert "<|" not in example.reasoning


def test_oracle_takes_score_and_rank_from_the_retriever() -> None:
    golden = oracle(0)
    found = [*some_hits(3), Hit(golden.chunk, 0.87654321, 4)]
    result = build_example(question(split="test"), [golden], found, RaftSettings(), "g")
    (shown,) = [d for d in result.example.documents if d.role == "oracle"]
    assert (shown.score, shown.rank, result.found) == (0.876543, 4, True)
    assert not built().found
