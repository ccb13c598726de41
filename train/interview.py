"""Asks every arm every question, several at a time, and keeps what came back.

Order: questions come in blocks as long as the concurrency; inside a block one arm after the other
answers all of it, arms in a seeded order that changes with the block. So a server that slows down
or speeds up does so for all arms alike, no arm always follows the same other, and the server still
gets requests for one adapter together. A question that failed for good stays in the result: it will
be scored 0.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cluster.console import Progress
from cluster.errors import GateError, OpenbookError
from cluster.keys import seed_of
from cluster.records import RaftExample
from train.arms import Arm
from train.client import ChatClient, Reply
from train.journal import Journal
from train.scene import Scene

_SHOWN_ERRORS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question to one arm: a reply, or the error that remained."""

    arm: str
    example: RaftExample
    reply: Reply | None
    error: str | None = None
    reused: bool = False


def schedule(
    arms: Sequence[Arm], examples: Sequence[RaftExample], block: int, seed: int
) -> Iterator[tuple[Arm, RaftExample]]:
    """Every arm with every example once, in the order described above."""
    for start in range(0, len(examples), block):
        order = random.Random(seed_of(seed, start)).sample(list(arms), len(arms))
        for arm in order:
            for example in examples[start : start + block]:
                yield arm, example


class Interview:
    """One pass over the questions. Answers in the journal are not asked again."""

    def __init__(self, client: ChatClient, journal: Journal, scene: Scene) -> None:
        self._client = client
        self._journal = journal
        self._scene = scene
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    async def run(
        self, arms: Sequence[Arm], examples: Sequence[RaftExample], progress: Progress
    ) -> list[Outcome]:
        """Outcomes by question, then arm, in the order given.

        Raises GateError as soon as an arm has failed on too many questions, ConflictError when the
        server changed its models or its index meanwhile. Answers until then are in the journal.
        """
        settings = self._scene.settings
        work = schedule(arms, examples, settings.concurrency, settings.seed)
        allowed = int(settings.max_error_fraction * len(examples))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(settings.concurrency):
                    group.create_task(self._worker(work, allowed, progress))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        return [self._outcomes[arm.name, example.id] for example in examples for arm in arms]

    async def _worker(
        self, work: Iterator[tuple[Arm, RaftExample]], allowed: int, progress: Progress
    ) -> None:
        for arm, example in work:
            outcome = await self._outcome(arm, example)
            self._outcomes[arm.name, example.id] = outcome
            progress.advance(1)
            if outcome.error is not None:
                self._check_errors(arm.name, allowed)

    async def _outcome(self, arm: Arm, example: RaftExample) -> Outcome:
        key = self._scene.key(arm, example)
        known = self._journal.get(key)
        if known is not None:
            return Outcome(arm.name, example, known, reused=True)
        try:
            reply = await self._client.ask(self._scene.ask(arm, example.question, example.oracle))
        except OpenbookError as error:
            return Outcome(arm.name, example, None, error=str(error))
        self._scene.check(arm, reply)
        self._journal.add(key, reply)
        return Outcome(arm.name, example, reply)

    def _check_errors(self, arm: str, allowed: int) -> None:
        failed = [o for o in self._outcomes.values() if o.arm == arm and o.error is not None]
        if len(failed) <= allowed:
            return
        shown = "; ".join(f"question {o.example.id!r}: {o.error}" for o in failed[:_SHOWN_ERRORS])
        raise GateError(
            f"arm {arm!r} failed on {len(failed)} questions, allowed are {allowed} "
            f"(compare.max_error_fraction={self._scene.settings.max_error_fraction:g}): {shown}. "
            "Answers so far are kept: run the same command again to ask only what is missing"
        )


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first single exception in a group of groups."""
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
