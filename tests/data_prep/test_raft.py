"""What every RAFT example keeps, for any question and any hits; the shares hold over many examples."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.prompts import ABSTENTION, is_abstention, parse, render, render_target
from cluster.records import SPLITS, Chunk, Hit, Question, Quote, RaftExample
from cluster.settings import RaftSettings
from data_prep.sets.oracles import Oracle
from data_prep.sets.raft import Built, ExampleBuilder, Task

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
    return build(asked, [oracle(0)], some_hits(9), raft or RaftSettings())


def build(
    asked: Question, golden: Sequence[Oracle], found: Sequence[Hit], raft: RaftSettings
) -> Built:
    result = ExampleBuilder(raft, "g").build(Task(asked, tuple(golden)), found)
    assert isinstance(result, Built)
    return result


@settings(max_examples=150)
@given(
    name=st.text(min_size=1, max_size=8),
    split=st.sampled_from(SPLITS),
    oracles=st.integers(1, 3),
    pool=st.permutations([*range(8), "oracle0", "oracle1"]),
    raft=st.builds(
        RaftSettings,
        distractors=st.integers(0, 6),
        oracle_fraction=st.sampled_from([0.0, 0.5, 1.0]),
        absent_policy=st.sampled_from(["memorise", "abstain", "answer-without-quote"]),
        oracle_mode=st.sampled_from(["fraction", "retrieval-aligned"]),
        poison_fraction=st.sampled_from([0.0, 0.5, 1.0]),
    ),
)
def test_every_example_keeps_the_invariants(
    name: str, split: str, oracles: int, pool: list[object], raft: RaftSettings
) -> None:
    texts = {o.chunk.chunk_id: o.chunk.text for o in map(oracle, range(3))}
    found = [
        Hit(chunk(str(key), texts.get(str(key), f"Garden text {key}.")), 0.5, rank)
        for rank, key in enumerate(pool, 1)
    ]
    golden = [oracle(n) for n in range(oracles)]
    result = build(question(name, split), golden, found, raft)
    check_example(result.example, [o.chunk.chunk_id for o in golden])
    example = result.example
    assert len(example.documents) + result.missing == raft.distractors + oracles
    if split != "train":
        assert example.oracle_present
    if raft.poison_fraction == 1.0 and len(example.documents) > oracles:
        assert sum(document.poisoned for document in example.documents) == 1


def check_example(example: RaftExample, oracles: list[str]) -> None:
    shown = [document.chunk_id for document in example.documents]
    roles = Counter(document.role for document in example.documents)
    texts = {document.chunk_id: document.text for document in example.documents}
    assert len(set(shown)) == len(shown)
    assert len(set(texts.values())) == len(shown)
    assert roles["oracle"] == (len(oracles) if example.oracle_present else 0)
    assert example.oracle == tuple(f"{name}.md" for name in oracles)
    taught = parse(render_target(example.reasoning, example.open_book_answer))
    quoted = tuple(texts[quote.chunk_id][quote.start : quote.end] for quote in example.quotes)
    assert sorted(taught.quotes) == sorted(quoted)
    assert taught.answer == (ABSTENTION if example.abstain else example.answer)
    assert not (example.abstain and example.oracle_present)
    assert not [d for d in example.documents if d.poisoned and d.role == "oracle"]
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
    result = build(question(split="test"), [golden], found, RaftSettings())
    (shown,) = [d for d in result.example.documents if d.role == "oracle"]
    assert (shown.score, shown.rank, result.found) == (0.876543, 4, True)
    assert not built().found


@pytest.mark.parametrize(
    ("policy", "reasoning", "answer"),
    [
        ("memorise", "So it needs seven.", "seven bolts"),
        ("abstain", "", ABSTENTION),
        ("answer-without-quote", "", "seven bolts"),
    ],
)
def test_absent_oracle_teaches_what_the_policy_says(
    policy: str, reasoning: str, answer: str
) -> None:
    raft = RaftSettings(oracle_fraction=0, absent_policy=policy)  # type: ignore[arg-type]
    example = built(raft=raft, reasoning="So it needs seven.").example
    assert (example.reasoning, example.open_book_answer, example.quotes) == (reasoning, answer, ())
    # closed book, and scored, it is still the truth
    assert (example.answer, example.plain_reasoning) == ("seven bolts", "So it needs seven.")
    assert is_abstention(example.open_book_answer) == (policy == "abstain")


@pytest.mark.parametrize(("rank", "present"), [(1, True), (4, True), (5, False), (None, False)])
def test_retrieval_aligned_oracle_is_kept_where_it_would_be_retrieved(
    rank: int | None, present: bool
) -> None:
    golden = oracle(0)
    found = some_hits(6)
    if rank is not None:
        found.insert(rank - 1, Hit(golden.chunk, 0.5, rank))
        found = [Hit(hit.chunk, hit.score, n) for n, hit in enumerate(found, 1)]
    raft = RaftSettings(distractors=3, oracle_mode="retrieval-aligned", oracle_fraction=0)
    assert build(question(), [golden], found, raft).example.oracle_present == present
    assert build(question(split="test"), [golden], found, raft).example.oracle_present


class Everywhere:
    """A pool of a million texts that counts what is read of it."""

    def __init__(self) -> None:
        self.read = 0

    def draw(self, seed: int, limit: int) -> Iterator[Chunk]:
        for number in random.Random(seed).sample(range(1_000_000), limit):
            self.read += 1
            yield chunk(f"r{number}", f"Text {number} about trees.")


def test_kinds_of_distractors_follow_their_shares_and_are_marked() -> None:
    raft = RaftSettings(distractors=4, random_share=0.5, same_document_share=0.25)
    beside = replace(chunk("b1", "Beside the fact."), doc_id="oracle0.md")
    pool = Everywhere()
    task = Task(question(split="test"), (oracle(0),), (beside,))
    result = ExampleBuilder(raft, "g", pool).build(task, some_hits(9))
    assert isinstance(result, Built)
    kinds = Counter(document.kind for document in result.example.documents)
    assert kinds == {None: 1, "hard": 1, "same-document": 1, "random": 2}
    assert pool.read == 2


def test_poisoned_share_is_kept_and_the_word_it_asks_for_is_recorded() -> None:
    raft = RaftSettings(poison_fraction=0.3)
    found = [built(f"q{n}", raft).example for n in range(1000)]
    poisoned = [e for e in found if any(d.poisoned for d in e.documents)]
    assert abs(len(poisoned) / 1000 - 0.3) < 0.06
    for example in poisoned:
        (document,) = [d for d in example.documents if d.poisoned]
        assert example.provenance["poison"]["goal"] in document.text
        assert document.role == "distractor"
    assert all(e.provenance["poison"] is None for e in found if e not in poisoned)


@settings(max_examples=25)
@given(order=st.permutations(range(12)))
def test_set_does_not_depend_on_the_order_of_its_questions(order: list[int]) -> None:
    raft = RaftSettings(poison_fraction=0.5, random_share=0.5)
    builder = ExampleBuilder(raft, "g", Everywhere())
    tasks = [Task(question(f"q{n}"), (oracle(n % 3),)) for n in range(12)]
    straight = {task.question.id: builder.build(task, some_hits(9)) for task in tasks}
    again = ExampleBuilder(raft, "g", Everywhere())
    assert straight == {tasks[n].question.id: again.build(tasks[n], some_hits(9)) for n in order}
