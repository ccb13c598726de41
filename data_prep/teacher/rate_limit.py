"""A rate limit: calls are spaced so that no minute holds more than an endpoint allows."""

import asyncio
import time

_MINUTE_S = 60.0


class Pace:
    """At most `per_minute` units a minute, evenly spread; None is no limit. For one event loop."""

    def __init__(self, per_minute: float | None) -> None:
        self._unit_s = _MINUTE_S / per_minute if per_minute else 0.0
        self._free_at = 0.0

    async def take(self, units: float = 1) -> None:
        """Wait until `units` may be used."""
        start = max(time.monotonic(), self._free_at)
        self._free_at = start + units * self._unit_s
        await asyncio.sleep(start - time.monotonic())

    def give_back(self, units: float) -> None:
        """Units that were taken and turned out not to be needed."""
        self._free_at -= units * self._unit_s

    def hold(self, seconds: float) -> None:
        """Nobody starts within `seconds`: the endpoint said when to come back."""
        self._free_at = max(self._free_at, time.monotonic() + seconds)
