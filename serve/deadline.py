"""How long a request may take: the server's setting, or less by the client's header."""

import asyncio
import math
from dataclasses import dataclass

from cluster.errors import UsageError

TIMEOUT_HEADER = "x-request-timeout-seconds"


@dataclass(frozen=True, slots=True)
class Deadline:
    """`seconds` from the request's arrival, and the same as a time of the event loop."""

    seconds: float
    at: float


def deadline_of(given: str | None, longest_s: float) -> Deadline:
    """From the header's value, now; UsageError when it is no positive number."""
    try:
        seconds = longest_s if given is None else min(float(given), longest_s)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise UsageError(f"header {TIMEOUT_HEADER}: {given!r} is not a positive number of seconds")
    # Serve's proxy reads the same header and answers without a body of ours: be a little earlier
    margin = min(0.2, seconds / 10)
    return Deadline(seconds, asyncio.get_running_loop().time() + seconds - margin)
