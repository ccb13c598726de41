"""Assembly of RAFT examples without retriever and model: python -m tests.bench.sets [questions]

Given questions, a stub retriever, hard and random distractors from corpora of 10,000 to 1,000,000 chunks.
One process, processor time: examples a second over two cores are twice the figure, because questions are
independent. Time per example must not grow with the corpus.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from cluster.console import Console
from cluster.corpora import Generation
from cluster.keys import content_id, seed_of
from cluster.objects import LocalStore
from cluster.records import Chunk, Hit, Question
from cluster.session import Session
from cluster.settings import RaftSettings, Settings
from data_prep.corpus.generations import describe, publish_generation
from data_prep.corpus.sources.origins import Origin
from data_prep.corpus.tables import chunk_table
from data_prep.sets.numbered_chunks import NumberedChunks, number_chunks
from data_prep.sets.oracles import find_oracles
from data_prep.sets.raft import ExampleBuilder, Task
from tests.bench.measure import cost_of, report
from tests.bench.texts import sample_texts

_SIZES = (10_000, 100_000, 1_000_000)
_DISTRACTORS, _HITS = 4, 20
_SETTINGS = RaftSettings(distractors=_DISTRACTORS, random_share=0.25)


def main(questions: int = 2000) -> None:
    """Print examples per processor second by the size of the corpus."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Settings(home=Path(folder)), Console(quiet=True))
        results = {str(size): _measure(session, size, questions) for size in _SIZES}
    smallest, largest = results[str(_SIZES[0])], results[str(_SIZES[-1])]
    growth = smallest["examples_per_cpu_s"] / largest["examples_per_cpu_s"]
    report("sets", {
        "questions": questions,
        "distractors": _DISTRACTORS,
        "by_chunks": results,
        "time_per_example_at_most_to_fewest_chunks": round(growth, 3),
    })  # fmt: skip


def _measure(session: Session, size: int, questions: int) -> dict[str, Any]:
    store = session.store
    assert isinstance(store, LocalStore)
    generation = _publish(session, size)
    numbered = number_chunks(store, generation, session.settings.home / "cache")
    tasks = [_task(numbered, number) for number in range(questions)]
    hits = [_hits(numbered, task) for task in tasks]
    builder = ExampleBuilder(_SETTINGS, generation.generation, numbered)

    def build() -> None:
        for task, found in zip(tasks, hits, strict=True):
            builder.build(task, found)

    build()
    return {"examples_per_cpu_s": round(questions / cost_of(build).cpu_s, 1)}


def _publish(session: Session, size: int) -> Generation:
    """A generation of `size` chunks that differ in a number; nothing of it is in Milvus."""
    texts = sample_texts(min(size, 5000))
    chunks = (
        Chunk(
            content_id(n),
            f"d{n // 4}",
            "file:///d",
            "T",
            f"{texts[n % len(texts)]} {n}",
            None,
            0,
            9,
            60,
        )
        for n in range(size)
    )
    name = f"{size:012d}-{size:012d}"
    generation = Generation("bench", name, "c", {}, "none", 384, size // 4, size, "")
    publish_generation(session.store, chunk_table(chunks), describe(generation, [Origin("/")]))
    return session.corpora.generation("bench", name)


def _task(numbered: NumberedChunks, number: int) -> Task:
    (chunk,) = numbered.draw(seed_of("oracle", number), 1)
    words = chunk.text.split()
    question = Question(
        f"q{number}", f"What about {' '.join(words[:6])}?", f"answer {number}", (chunk.doc_id,), (),
        " ".join(words[3:12]), "train",
    )  # fmt: skip
    found = find_oracles(question, {chunk.doc_id: [chunk]})
    assert isinstance(found, tuple), found
    return Task(question, found)


def _hits(numbered: NumberedChunks, task: Task) -> list[Hit]:
    drawn = numbered.draw(seed_of("hits", task.question.id), _HITS)
    chunks = [task.oracles[0].chunk, *drawn]
    return [Hit(chunk, 1 - rank / 100, rank) for rank, chunk in enumerate(chunks, 1)]


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
