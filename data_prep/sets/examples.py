"""Questions -> examples on a worker: the live retriever, then the pure assembly.

What travels is pickled between processes of one run and never stored.
"""

import pickle
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from cluster.corpora import Generation
from cluster.models import base_tokenizer
from cluster.records import Hit
from cluster.retrieval import Wanted
from cluster.session import Session
from cluster.settings import Settings
from data_prep.sets.lengths import Lengths
from data_prep.sets.numbered_chunks import number_chunks
from data_prep.sets.oracles import Rejection
from data_prep.sets.raft import Built, ExampleBuilder, Task


def grouped(tasks: Sequence[Task], size: int) -> list[bytes]:
    """Tasks by id in groups of `size`, pickled: the same groups for any order of the file."""
    ordered = sorted(tasks, key=lambda task: task.question.id)
    return [pickle.dumps(ordered[at : at + size]) for at in range(0, len(ordered), size)]


def make_builder(session: Session, generation: Generation) -> ExampleBuilder:
    """The builder that settings describe: with a tokenizer or all chunks at hand only where needed."""
    raft = session.settings.raft
    pool = number_chunks(session.store, generation, session.cache) if raft.random_share else None
    lengths = None
    if raft.max_tokens is not None:
        tokenizer = base_tokenizer(session.settings)
        lengths = Lengths(tokenizer, raft.max_tokens)
    return ExampleBuilder(raft, generation.generation, pool, lengths)


class BuildExamples:
    """Callable on batches of groups; returns `built`, one row a task."""

    def __init__(self, settings: Settings, generation: Generation) -> None:
        session = Session.for_worker(settings)
        self._raft = settings.raft
        self._retriever = session.retriever
        self._generation = generation
        self._builder = make_builder(session, generation)

    def __call__(self, batch: pa.Table) -> pa.Table:
        groups: list[list[Task]] = [pickle.loads(data) for data in batch["group"].to_pylist()]
        built = [example for tasks in groups for example in self._build(tasks)]
        return pa.table({"built": [pickle.dumps(example) for example in built]})

    def _build(self, tasks: Sequence[Task]) -> list[Built | Rejection]:
        hits = self._hits(tasks)
        return [self._builder.build(task, hits[task.question.id]) for task in tasks]

    def _hits(self, tasks: Sequence[Task]) -> dict[str, list[Hit]]:
        """What the retriever finds for each, by question id: who shares its batch must not matter.

        A model's sums differ in the last digits with the batch around a text, so questions are embedded
        one by one; the number of candidates follows the depth, so each depth is a search of its own.
        """
        by_depth: dict[int, list[Task]] = defaultdict(list)
        for task in tasks:
            by_depth[self._depth(task)].append(task)
        hits: dict[str, list[Hit]] = {}
        for depth, alike in by_depth.items():
            questions = [task.question.question for task in alike]
            vectors_QE = np.concatenate([self._retriever.embed([text]) for text in questions])
            found = self._retriever.search(
                self._generation, questions, vectors_QE, Wanted(top_k=depth)
            )
            hits |= dict(zip((task.question.id for task in alike), found, strict=True))
        return hits

    def _depth(self, task: Task) -> int:
        """Deep enough that distractors remain when the oracle documents are taken out."""
        wanted = self._raft.distractors + len(task.oracles)
        return max(self._raft.candidates, 2 * wanted)


def built_of(batch: pa.Table) -> list[Built | Rejection]:
    """The results in a batch that `BuildExamples` returned."""
    return [pickle.loads(data) for data in batch["built"].to_pylist()]
