"""A corpus and a teacher -> a question file.

    live generation ─▶ chosen chunks ─▶ questions about each chunk ─▶ an answer to each ─▶ questions.jsonl

The file is a function of the generation, the settings and the replies; what a run could not ask is
asked by the next, and nothing is asked twice (`call_ledger`).
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.corpora import Generation
from cluster.errors import GateError, InputError, SettingsError, UnavailableError
from cluster.keys import content_id, safe_name
from cluster.leases import Lease
from cluster.records import Chunk
from cluster.session import Session
from cluster.settings import TeacherSettings
from data_prep.corpus.generations import read_chunks
from data_prep.teacher.author import Author
from data_prep.teacher.budget import Budget
from data_prep.teacher.client import Teacher, endpoint_url
from data_prep.teacher.estimates import estimate
from data_prep.teacher.ledger import CallLedger, ledger_prefix
from data_prep.teacher.prompts import TEACHER_PROMPT_HASH
from data_prep.teacher.rounds import Rounds
from data_prep.teacher.selection import ChosenChunks, choose_chunks


@dataclass(frozen=True, slots=True)
class QuestionRequest:
    """Questions about `corpus` for the set `dataset`, which pays for them.

    With `allow_partial` what a budget or a failing endpoint leaves is enough.
    """

    corpus: str
    dataset: str
    allow_partial: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A question file and how it came about, as JSON."""

    path: Path
    report: dict[str, Any]


def estimate_questions(session: Session, request: QuestionRequest) -> dict[str, Any]:
    """What `write_questions` would ask and cost; asks nobody and writes nothing."""
    settings = _checked(session.settings.teacher)
    chosen = _chosen(session, session.corpora.live(request.corpus))
    ledger = _ledger(session, request.corpus)
    report = estimate(settings, request.dataset, chosen.chunks, ledger)
    return {**report, "skipped": chosen.skipped}


def write_questions(session: Session, request: QuestionRequest) -> Written:
    """Ask what is not answered yet and write the file.

    Raises GateError when the budget does not last (everything answered is kept) or no question is
    usable, UnavailableError when calls stay unanswered, BusyError when another run asks this teacher
    about this corpus, and what `Teacher.ask` raises for a wrong key, address or model.
    """
    safe_name("dataset", request.dataset)
    settings = _checked(session.settings.teacher)
    generation = session.corpora.live(request.corpus)
    chosen = _chosen(session, generation)
    lock = f"{ledger_prefix(request.corpus, settings.model)}/lock"
    purpose = f"asking {settings.model!r} about corpus {request.corpus!r}"
    with Lease(session.store, lock, purpose):
        ledger = _ledger(session, request.corpus)
        budget = Budget(settings, ledger.spent(request.dataset))
        author = Author(settings, request.dataset, generation.generation)
        with ledger.open():
            rounds = asyncio.run(_write(session, author, chosen.chunks, ledger, budget))
        about = {"model": settings.model, "prompt_hash": TEACHER_PROMPT_HASH}
        report = {**about, **_report(author, rounds, budget, chosen)}
    if not request.allow_partial:
        _check_complete(rounds, budget, len(author.lines))
    if not author.lines:
        raise GateError(
            f"teacher {settings.model!r} wrote no usable question about {len(chosen.chunks)} chunks; "
            f"rejected: {dict(author.rejected)}; try a stronger model or other chunks"
        )
    return Written(_publish(session, request, settings.model, author.lines), report)


async def _write(
    session: Session, author: Author, chunks: Sequence[Chunk], ledger: CallLedger, budget: Budget
) -> Rounds:
    settings = session.settings.teacher
    total = len(chunks) * (1 + settings.questions_per_chunk)
    async with Teacher(settings) as teacher:
        rounds = Rounds(teacher, ledger, budget, settings.concurrency)
        with session.console.progress("ask the teacher", total, "calls") as progress:
            await author.write(chunks, rounds, progress)
    return rounds


def _checked(settings: TeacherSettings) -> TeacherSettings:
    endpoint_url(settings.url)
    if not settings.model:
        raise SettingsError(
            f"no model is named for the teacher at {settings.url!r}: give --teacher-model, "
            "or set teacher.model"
        )
    return settings


def _chosen(session: Session, generation: Generation) -> ChosenChunks:
    settings = session.settings.teacher
    table = read_chunks(session.store, generation.corpus, generation.generation)
    seed = session.settings.raft.seed
    chosen = choose_chunks(table, settings.limit_chunks, settings.min_chunk_tokens, seed)
    if not chosen.chunks:
        raise InputError(
            f"corpus {generation.corpus!r} has no chunk to ask about: {table.num_rows} chunks, none of "
            f"at least {settings.min_chunk_tokens} tokens; lower teacher.min_chunk_tokens"
        )
    return chosen


def _ledger(session: Session, corpus: str) -> CallLedger:
    prefix = ledger_prefix(corpus, session.settings.teacher.model)
    name = content_id(session.store.url, prefix)
    return CallLedger(session.store, prefix, session.settings.home / "teacher" / f"{name}.journal")


def _check_complete(rounds: Rounds, budget: Budget, finished: int) -> None:
    kept = (
        f"{finished} questions are finished and every answer is kept; run again {{how}}, or give "
        "--allow-partial to go on with what is there"
    )
    if rounds.out_of_budget:
        how = "with a larger --max-cost or --max-tokens to ask only the rest"
        raise GateError(
            f"the budget is used up: {budget.describe()}, and the next call might exceed it; "
            + kept.format(how=how)
        )
    if rounds.unanswered:
        raise UnavailableError(
            f"{rounds.unanswered} calls got no answer, the first because {rounds.trouble}; "
            + kept.format(how="to ask only those")
        )


def _report(author: Author, rounds: Rounds, budget: Budget, chosen: ChosenChunks) -> dict[str, Any]:
    cost = budget.prices.cost(budget.spent)
    return {
        "chunks": len(chosen.chunks),
        "questions": len(author.lines),
        "rejected": dict(sorted(author.rejected.items())),
        "skipped": chosen.skipped,
        "calls": {
            "asked": rounds.asked,
            "reused": rounds.reused,
            "unanswered": rounds.unanswered,
        },
        "partial": rounds.out_of_budget or rounds.unanswered > 0,
        "tokens": {"input": budget.spent.tokens_in, "output": budget.spent.tokens_out},
        "cost_usd": None if cost is None else round(cost, 6),
    }


def _publish(
    session: Session, request: QuestionRequest, model: str, lines: Sequence[Mapping[str, Any]]
) -> Path:
    """The file in the object store, to be found again, and a copy of it on this machine."""
    data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    name = f"{request.dataset}-{content_id(data, length=12)}.jsonl"
    session.store.put(f"{ledger_prefix(request.corpus, model)}/questions/{name}", data)
    path = session.settings.home / "teacher" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise UnavailableError(
            f"cannot write the questions to {str(path)!r}: {error.strerror}; make room and run again, "
            "every answer is kept"
        ) from error
    return path
