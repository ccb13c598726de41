"""Questions -> examples on a worker: the live retriever, then the pure assembly.

What travels is pickled between processes of one run and never stored.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from cluster.corpora import Generation
from cluster.records import Question
from cluster.session import Session
from cluster.settings import Settings
from data_prep.oracles import Oracle
from data_prep.raft import Built, build_example


@dataclass(frozen=True, slots=True)
class Task:
    """A question whose oracles are known."""

    question: Question
    oracles: tuple[Oracle, ...]


def grouped(tasks: Sequence[Task], size: int) -> list[bytes]:
    """Tasks by id in groups of `size`, pickled: the same groups for any order of the file."""
    ordered = sorted(tasks, key=lambda task: task.question.id)
    return [pickle.dumps(ordered[at : at + size]) for at in range(0, len(ordered), size)]


class BuildExamples:
    """Callable on batches of groups; returns `built`, one row a task."""

    def __init__(self, settings: Settings, generation: Generation) -> None:
        self._settings = settings
        self._retriever = Session.for_worker(settings).retriever
        self._generation = generation

    def __call__(self, batch: pa.Table) -> pa.Table:
        groups: list[list[Task]] = [pickle.loads(data) for data in batch["group"].to_pylist()]
        built = [example for tasks in groups for example in self._build(tasks)]
        return pa.table({"built": [pickle.dumps(example) for example in built]})

    def _build(self, tasks: Sequence[Task]) -> list[Built]:
        questions = [task.question.question for task in tasks]
        hits = self._retriever.retrieve(self._generation, questions, top_k=self._depth(tasks))
        name = self._generation.generation
        return [
            build_example(task.question, task.oracles, found, self._settings.raft, name)
            for task, found in zip(tasks, hits, strict=True)
        ]

    def _depth(self, tasks: Sequence[Task]) -> int:
        """Deep enough that distractors remain when the oracle documents are taken out."""
        raft = self._settings.raft
        oracles = max(len(task.oracles) for task in tasks)
        return max(raft.candidates, 2 * (raft.distractors + oracles))


def built_of(batch: pa.Table) -> list[Built]:
    """The results in a batch that `BuildExamples` returned."""
    return [pickle.loads(data) for data in batch["built"].to_pylist()]
