"""In which order a step's tokens stand, and how adapters are applied to them. Pure.

Decoding tokens and short chunks come first: one *mixed* block for which all adapters are computed
side by side and masked (two products whatever the number of adapters). Long chunks follow, sorted
by adapter: each adapter is computed on its own *segment* only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serve.engine.task import Part

# A segment's two products cost as much as this many foreign ranks times tokens in the mixed block:
# 11 us against 0.035 us with SmolLM2's linears on one AVX2 core (four adapters of rank 16: 6 tokens).
# A GPU launches kernels no faster and multiplies for nothing; that number is an estimate.
CALL_WORK = {"cpu": 300, "cuda": 50_000}


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens `[start, stop)` of a step belong to one adapter."""

    start: int
    stop: int
    adapter: str


@dataclass(frozen=True, slots=True)
class Arrangement:
    """`parts` in the order of their tokens: first the decoding ones, by slot.

    `mixed` has the adapter of each of the first tokens, empty when they all belong to one and so are
    a segment. Tokens of neither belong to the base model.
    """

    parts: tuple[Part, ...]
    mixed: tuple[str | None, ...]
    segments: tuple[Segment, ...]


def arrange(parts: Sequence[Part], ranks: Mapping[str, int], device: str) -> Arrangement:
    """Order the parts of a step; `ranks` of the adapters, by name."""
    side_by_side = sum(ranks[name] for name in {p.task.adapter for p in parts} if name is not None)

    def is_long(part: Part) -> bool:
        adapter = part.task.adapter
        if adapter is None:  # costs nothing by itself, everybody's ranks in the mixed block
            return True
        return part.count * (side_by_side - ranks[adapter]) > CALL_WORK[device]

    decoding = sorted((p for p in parts if p.count == 1), key=lambda p: p.task.slot)
    chunks = sorted((p for p in parts if p.count > 1), key=lambda p: p.task.adapter or "")
    short = [part for part in chunks if not is_long(part)]
    long = [part for part in chunks if is_long(part)]
    mixed = [p.task.adapter for p in (*decoding, *short) for _ in range(p.count)]
    segments, start = [], len(mixed)
    if len({*mixed}) == 1 and mixed[0] is not None:
        segments.append(Segment(0, len(mixed), mixed[0]))
    if len({*mixed}) == 1:
        mixed = []
    for part in long:
        if part.task.adapter is not None:
            segments.append(Segment(start, start + part.count, part.task.adapter))
        start += part.count
    return Arrangement((*decoding, *short, *long), tuple(mixed), tuple(_joined(segments)))


def _joined(segments: Sequence[Segment]) -> list[Segment]:
    joined: list[Segment] = []
    for segment in segments:
        last = joined[-1] if joined else None
        if last and (last.stop, last.adapter) == (segment.start, segment.adapter):
            joined[-1] = Segment(last.start, segment.stop, segment.adapter)
        else:
            joined.append(segment)
    return joined
