"""How long a request may take: the server's setting, or less by the client's header."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

from cluster.errors import UsageError

TIMEOUT_HEADER = "x-request-timeout-seconds"
PASSED_HEADER = "x-openbook-timeout-seconds"
"""The same, out of Ray Serve's sight (`serve.proxy`)."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """`seconds` from the request's arrival, and the same as a time of the event loop."""

    seconds: float
    at: float

    def passed(self) -> bool:
        """Whether it is too late to begin."""
        return asyncio.get_running_loop().time() >= self.at


def deadline_of(headers: Mapping[str, str], longest_s: float) -> Deadline:
    """From a request's headers, now; UsageError when the given time is no positive number."""
    given = headers.get(PASSED_HEADER, headers.get(TIMEOUT_HEADER))
    try:
        seconds = longest_s if given is None else min(float(given), longest_s)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise UsageError(f"header {TIMEOUT_HEADER}: {given!r} is not a positive number of seconds")
    # the client often gives up at the same moment: be a little earlier
    margin = min(0.2, seconds / 10)
    return Deadline(seconds, asyncio.get_running_loop().time() + seconds - margin)
