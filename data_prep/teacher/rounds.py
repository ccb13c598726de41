"""Rounds of calls: known answers from the ledger, the others from the teacher, durable at the end.

A fixed number of askers takes calls in their order, each within the budget. Whatever ends a round early
(the budget, a refused key, an endpoint that is down) waits for the calls under way, because they are
paid for, and keeps their answers.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from cluster.console import Progress
from cluster.errors import OpenbookError, UnavailableError
from data_prep.teacher.budget import Budget, Usage
from data_prep.teacher.calls import Call, Reply
from data_prep.teacher.client import Teacher
from data_prep.teacher.ledger import CallLedger

# so many calls in a row without any answer mean that the endpoint is down
_DEAD_AFTER = 5


class Rounds:
    """The calls of one run. `asked` were answered now, `reused` before, `unanswered` not at all.

    `trouble` is why the first of these was not.
    """

    def __init__(
        self, teacher: Teacher, ledger: CallLedger, budget: Budget, concurrency: int
    ) -> None:
        self.asked = 0
        self.reused = 0
        self.unanswered = 0
        self.trouble: OpenbookError | None = None
        self.out_of_budget = False
        self._teacher = teacher
        self._ledger = ledger
        self._budget = budget
        self._concurrency = concurrency
        self._failed_in_row = 0
        self._fatal: OpenbookError | None = None

    async def ask(self, calls: Sequence[Call], progress: Progress) -> dict[str, Reply]:
        """Replies by key, of those calls that have one; all of them in the object store.

        Raises the OpenbookError that makes asking on useless.
        """
        wanted = {call.key: call for call in calls}
        missing = deque(call for key, call in wanted.items() if self._ledger.get(key) is None)
        self.reused += len(wanted) - len(missing)
        progress.advance(len(calls) - len(missing))
        askers = min(self._concurrency, len(missing))
        await asyncio.gather(*(self._asker(missing, progress) for _ in range(askers)))
        await asyncio.to_thread(self._ledger.seal)
        if self._fatal:
            raise self._fatal
        return {key: reply for key in wanted if (reply := self._ledger.get(key))}

    async def _asker(self, calls: deque[Call], progress: Progress) -> None:
        while calls and not self._fatal and not self.out_of_budget:
            call = calls.popleft()
            if not await self._budget.reserve(call.most):
                self.out_of_budget = True
                return
            # whoever waited for the budget may find that asking has become useless
            reply = None if self._fatal else await self._answer(call)
            await self._budget.settle(call.most, reply.usage if reply else Usage())
            progress.advance()
            progress.note(self._budget.describe())

    async def _answer(self, call: Call) -> Reply | None:
        """The recorded reply; None when there is none, which is then accounted for."""
        try:
            reply = await self._teacher.ask(call)
        except UnavailableError as error:
            self.unanswered += 1
            self.trouble = self.trouble or error
            self._failed_in_row += 1
            if self._failed_in_row >= _DEAD_AFTER:
                self._fatal = error
            return None
        except OpenbookError as error:
            self._fatal = error
            return None
        self._failed_in_row = 0
        try:
            await asyncio.to_thread(self._ledger.record, reply)
        except OpenbookError as error:
            self._fatal = error
            return None
        self.asked += 1
        return reply
