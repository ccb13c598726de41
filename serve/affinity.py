"""Which replica a request should go to: one that holds its adapter, but never at the price of balance.

Pure. Serve's own preference for a model's holders sends every request there until it is full, and
replicas beside it idle (ray.md 1.2); here a holder is preferred only while its queue is nearly as short
as the shortest, so one hot adapter spreads over all replicas as load grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Candidate:
    """A replica as a router knows it: `queue` requests are there or on their way."""

    queue: int
    full: bool = False
    holds: bool = False


def choose(candidates: Sequence[Candidate], slack: int, random: Random) -> list[int]:
    """Indices of the two to try, the preferred first; one where there is one, none where none is.

    The first is the least loaded holder whose queue is at most `slack` longer than the shortest, else the
    least loaded; the second the least loaded of the others. Full ones come only when all are.
    """
    usable = [n for n, candidate in enumerate(candidates) if not candidate.full]
    usable = usable or list(range(len(candidates)))
    random.shuffle(usable)  # equals by chance: several routers must not all choose the first
    usable.sort(key=lambda n: candidates[n].queue)
    if not usable:
        return []
    longest = candidates[usable[0]].queue + slack
    holders = (n for n in usable if candidates[n].holds and candidates[n].queue <= longest)
    first = next(holders, usable[0])
    return [first, *[n for n in usable if n != first][:1]]
