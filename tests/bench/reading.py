"""What a training worker holds of its set: python -m tests.bench.reading [examples] [steps]

RAFT examples of five documents, read in the order of a run. `mapped` is what workers do, `list` has all
examples decoded at once. Each arm is a process of its own; memory is what it has beyond its start and
does not share with a file.
"""

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cluster.datasets import Datasets
from cluster.objects import LocalStore
from cluster.records import ContextDocument, RaftExample
from tests.bench.measure import report
from tests.bench.texts import sample_texts
from train.batches import Schedule

_DOCUMENTS, _BATCH = 5, 8
_HOLD: dict[str, Callable[[Sequence[Any]], Sequence[Any]]] = {
    "mapped": lambda rows: rows,
    "list": list,
}


def main(examples: int = 50_000, steps: int = 500) -> None:
    """Print memory, seconds until the first batch and time of a batch for both arms."""
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        Datasets(store).publish("bench", "v1", {"train": _examples(examples)}, {}, "")
        context = multiprocessing.get_context("spawn")
        arms = {}
        for arm in _HOLD:
            with context.Pool(1) as pool:
                arms[arm] = pool.apply(_measure, (folder, arm, steps))
    report("reading", {"examples": examples, "steps": steps, "batch": _BATCH, "arms": arms})


def _measure(folder: str, arm: str, steps: int) -> dict[str, Any]:
    before, began = _own_mib(), time.perf_counter()
    rows = _HOLD[arm](Datasets(LocalStore(Path(folder))).read("bench", "train"))
    schedule = Schedule(rows, _BATCH, epochs=1, seed=0)
    schedule.batch(0)
    ready = time.perf_counter()
    for step in range(1, steps):
        schedule.batch(step)
    each = (time.perf_counter() - ready) / (steps - 1)
    return {
        "memory_mib": round(_own_mib() - before),
        "first_batch_s": round(ready - began, 2),
        "batch_ms": round(1000 * each, 2),
    }


def _own_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return (
        next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
        / 1024
    )


def _examples(count: int) -> list[RaftExample]:
    texts = sample_texts(min(count, 5000))

    def document(number: int, place: int) -> ContextDocument:
        text = f"{texts[(number * _DOCUMENTS + place) % len(texts)]} {number}"
        return ContextDocument(
            f"c{number}-{place}", f"d{number}", "T", text, "distractor", None, None
        )

    return [
        RaftExample(
            id=f"{number:08d}", question=f"What about {number}?",
            documents=tuple(document(number, place) for place in range(_DOCUMENTS)),
            oracle_present=True, reasoning="Because.", plain_reasoning="", answer=str(number), quotes=(),
            oracle=(f"d{number}",), split="train", seed=0, provenance={},
        )
        for number in range(count)
    ]  # fmt: skip


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
