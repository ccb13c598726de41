"""Questions and the chunks of their documents -> what is to be built, and what is not, with reasons. Pure.

Splits come first: which questions belong together is decided by all of them, also by those that are
rejected later.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.keys import seed_of
from cluster.records import Chunk, Question
from cluster.settings import RaftSettings
from data_prep.sets.oracles import Oracle, Rejection, find_oracles
from data_prep.sets.quality import check_answer, review
from data_prep.sets.raft import Task
from data_prep.sets.splits import assign_splits, near_documents

# other chunks of the oracle documents that travel with a question, for each distractor
_BESIDE = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known before anything is retrieved.

    `questions` have their splits, `twins` maps a document to its cluster of near duplicates.
    """

    questions: Sequence[Question]
    twins: Mapping[str, str]
    tasks: Sequence[Task]
    rejections: Sequence[Rejection]


def plan_set(
    questions: Sequence[Question], chunks: Mapping[str, Sequence[Chunk]], raft: RaftSettings
) -> Plan:
    """Splits, review and oracles; `chunks` holds those of the oracle documents by `doc_id`. Pure."""
    twins = near_documents(chunks, raft.near_duplicate)
    placed, rejections = assign_splits(questions, twins, raft)
    kept, dropped = review(placed, raft)
    rejections += dropped
    tasks = []
    for question in kept:
        found = _usable(question, chunks, raft)
        if isinstance(found, Rejection):
            rejections.append(found)
        else:
            tasks.append(Task(question, found, _beside(question, found, chunks, raft)))
    return Plan(placed, twins, tasks, rejections)


def _usable(
    question: Question, chunks: Mapping[str, Sequence[Chunk]], raft: RaftSettings
) -> tuple[Oracle, ...] | Rejection:
    found = find_oracles(question, chunks)
    if isinstance(found, Rejection) or not raft.require_literal_answer:
        return found
    return check_answer(question, found) or found


def _beside(
    question: Question,
    oracles: Sequence[Oracle],
    chunks: Mapping[str, Sequence[Chunk]],
    raft: RaftSettings,
) -> tuple[Chunk, ...]:
    """Some other chunks of the oracle documents: a few, however long the documents are."""
    if not raft.same_document_share:
        return ()
    taken = {oracle.chunk.chunk_id for oracle in oracles}
    others = [c for doc in question.oracle for c in chunks[doc] if c.chunk_id not in taken]
    choice = random.Random(seed_of(question.id, raft.seed, "beside"))
    wanted = _BESIDE * (raft.distractors + len(oracles))
    return tuple(choice.sample(others, min(wanted, len(others))))
