"""Distractors: what the live retriever returns beside the oracle, minus what would teach a lie.

Three kinds in shares that settings give: hard ones (the retriever's, in its order, so training sees
the mistakes that serving will make), other chunks of the oracle documents, and random chunks. Where a
document has no more chunks the retriever's fill the gap; a context that stays shorter than asked for is
reported and never padded. Pure: candidates come in, O(distractors) of them are looked at.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from cluster.records import Chunk, Kind
from data_prep.sets.screen import Screen

# candidates looked at for a place before it stays empty
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Candidates:
    """What distractors are chosen from, each in the order of choice; `anywhere` may be endless."""

    retrieved: Sequence[Chunk]
    beside: Sequence[Chunk] = ()
    anywhere: Iterable[Chunk] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Chosen chunks with their kind, best first, and how many candidates were dropped for which reason."""

    chosen: tuple[tuple[Chunk, Kind], ...]
    dropped: Mapping[str, int]


def select_distractors(
    candidates: Candidates, oracles: Sequence[Chunk], screen: Screen, wanted: Mapping[Kind, int]
) -> Selection:
    """The first candidates of each kind that pass the screen; fewer when there are no more.

    Chunks of the oracle documents count as same-document and as nothing else.
    """
    choice = _Choice(oracles, screen)
    beside = choice.take(candidates.beside, "same-document", wanted.get("same-document", 0))
    lacking = wanted.get("same-document", 0) - len(beside)
    hard = choice.take(candidates.retrieved, "hard", wanted.get("hard", 0) + lacking)
    count = wanted.get("random", 0)
    anywhere = choice.take(islice(candidates.anywhere, _TRIES * count), "random", count)
    return Selection((*hard, *beside, *anywhere), dict(choice.dropped))


def share_out(count: int, beside: float, anywhere: float, seed: int) -> dict[Kind, int]:
    """How many distractors of each kind; over many seeds their means are exactly the shares."""
    offset = random.Random(seed).random()
    first = int(count * beside + offset)
    second = int(count * (beside + anywhere) + offset)
    return {"same-document": first, "random": second - first, "hard": count - second}


class _Choice:
    """What was chosen so far, over all kinds."""

    def __init__(self, oracles: Sequence[Chunk], screen: Screen) -> None:
        self.dropped: Counter[str] = Counter()
        self._screen = screen
        self._documents = {chunk.doc_id for chunk in oracles}
        self._taken = {chunk.chunk_id for chunk in oracles}

    def take(self, chunks: Iterable[Chunk], kind: Kind, count: int) -> list[tuple[Chunk, Kind]]:
        chosen: list[tuple[Chunk, Kind]] = []
        for chunk in chunks if count > 0 else ():
            if chunk.chunk_id in self._taken:
                continue
            if (chunk.doc_id in self._documents) != (kind == "same-document"):
                continue  # not a false negative: simply another kind
            if fault := self._screen.fault(chunk.text):
                self.dropped[fault] += 1
                continue
            self._taken.add(chunk.chunk_id)
            self._screen.take(chunk.text)
            chosen.append((chunk, kind))
            if len(chosen) == count:
                break
        return chosen
