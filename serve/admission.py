"""How many requests the gateway works on at once; the rest wait their turn or are refused.

Ray Serve can count too, but what its proxy refuses gets a line of plain text that no OpenAI client
understands. So Serve's limits are set wider (`serve.scaling`) and this one answers before them.
"""

import asyncio
from collections import deque

from cluster.errors import OverloadedError


class Admission:
    """`ongoing` at once and `queued` waiting, first come first served; `queued` -1 refuses nobody."""

    def __init__(self, ongoing: int, queued: int) -> None:
        self._ongoing = ongoing
        self._queued = queued
        self._turns: deque[asyncio.Future[None]] = deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return len(self._turns)

    async def enter(self) -> None:
        """Wait for a place, to be given back by `leave`; OverloadedError at once when too many wait."""
        if self.running < self._ongoing:
            self.running += 1
        else:
            await self._wait()

    def leave(self) -> None:
        """The place goes to who waits longest."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():  # else it was cancelled and has not noticed yet
                turn.set_result(None)
                return
        self.running -= 1

    async def _wait(self) -> None:
        if 0 <= self._queued <= self.waiting:
            raise OverloadedError(
                f"the server works on {self.running} requests and {self.waiting} wait; try again soon"
            )
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn came in the same moment
                self.leave()
            elif turn in self._turns:
                self._turns.remove(turn)
            raise
