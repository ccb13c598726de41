"""Which columns of the resident LoRA buffers belong to which adapter. Pure.

Adapters of a mixed step stand side by side in buffers of a fixed width. One that was used lately
keeps its columns, so a request that joins or leaves moves nothing; the least recently used gives
way. What does not fit at all is left out, and its tokens are computed as segments.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_ALIGN = 8  # columns: products over whole vectors


@dataclass(frozen=True, slots=True)
class Lane:
    """Columns `[start, stop)`."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Placed:
    """Lanes of the wanted adapters that fit; the `new` ones must be written."""

    lanes: dict[str, Lane]
    new: tuple[str, ...]


class Lanes:
    """`width` columns."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lanes: dict[str, Lane] = {}  # least recently used first

    def place(self, wanted: Mapping[str, int]) -> Placed:
        """Lanes for adapters of the given ranks, all at once."""
        for name in wanted:
            if name in self._lanes:
                self._lanes[name] = self._lanes.pop(name)
        new = [name for name in wanted if name not in self._lanes and self._add(name, wanted)]
        if self._scattered(wanted) or (new and any(name not in self._lanes for name in wanted)):
            self._lanes.clear()
            new = [name for name in wanted if self._add(name, wanted)]
        return Placed({n: self._lanes[n] for n in wanted if n in self._lanes}, tuple(new))

    def forget(self, name: str) -> None:
        """The adapter is gone."""
        self._lanes.pop(name, None)

    def _add(self, name: str, wanted: Mapping[str, int]) -> bool:
        columns = -(-wanted[name] // _ALIGN) * _ALIGN
        while (start := self._gap(columns)) is None:
            idle = next((old for old in self._lanes if old not in wanted), None)
            if idle is None:
                return False
            del self._lanes[idle]
        self._lanes[name] = Lane(start, start + columns)
        return True

    def _gap(self, columns: int) -> int | None:
        start = 0
        for lane in sorted(self._lanes.values(), key=lambda lane: lane.start):
            if lane.start - start >= columns:
                return start
            start = lane.stop
        return start if self._width - start >= columns else None

    def _scattered(self, wanted: Mapping[str, int]) -> bool:
        """The columns from the first to the last wanted one are more than twice what is needed."""
        lanes = [self._lanes[name] for name in wanted if name in self._lanes]
        used = sum(lane.stop - lane.start for lane in lanes)
        return bool(lanes) and max(x.stop for x in lanes) - min(x.start for x in lanes) > 2 * used
