"""Peak memory of an ingest when the corpus grows: python -m tests.bench.memory [documents] [times]

Documents, then `times` as many, each by `openbook ingest` in a process of its own. The model is MiniLM's
first layer, so that a large corpus takes minutes; what is held in memory does not depend on the model's
speed. Milvus Lite is a database inside the machine and grows with its rows: it is told apart. Memory is
the proportional set size of the command, Ray and its workers, read twice a second.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from cluster.embedder import Embedder
from cluster.models import embedder_path
from cluster.settings import ModelSettings
from tests.bench.ingest import write_corpus
from tests.bench.measure import cost_of, report

_EVERY_S = 0.5
_MIB = 1024


@dataclass(slots=True)
class Peak:
    """Highest sums seen, in MiB."""

    pipeline: int = 0
    milvus: int = 0

    def see(self, root: int) -> None:
        """Look at the process `root` and all below it."""
        sums = {True: 0, False: 0}
        for pid in (root, *_below(root)):
            with suppress(OSError):
                is_milvus = b"milvus_lite" in Path(f"/proc/{pid}/cmdline").read_bytes()
                sums[is_milvus] += _kib(Path(f"/proc/{pid}/smaps_rollup").read_text())
        self.pipeline = max(self.pipeline, sums[False] // _MIB)
        self.milvus = max(self.milvus, sums[True] // _MIB)


def main(documents: int = 2000, times: int = 10) -> None:
    """Print peaks and their growth."""
    with tempfile.TemporaryDirectory() as work:
        model = _one_layer(Path(work) / "model")
        few, many = (_measure(Path(work), model, documents * n) for n in (1, times))
    report("memory", {
        "few": few,
        "many": many,
        "corpus_grew": times,
        "pipeline_grew": round(many["pipeline_mib"] / few["pipeline_mib"], 3),
    })  # fmt: skip


def _measure(work: Path, model: str, documents: int) -> dict[str, Any]:
    source = write_corpus(work / f"{documents}.jsonl", documents)
    home = work / f"home-{documents}"
    environ = {**os.environ, "OPENBOOK_HOME": str(home), "OPENBOOK_MODELS__EMBEDDER": model}
    command = [sys.executable, "-m", "cluster", "ingest", str(source), "--corpus", "bench"]
    peak = Peak()

    def run() -> None:
        pause = threading.Event()
        with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                peak.see(process.pid)
                pause.wait(_EVERY_S)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")

    wall_s = round(cost_of(run).wall_s, 1)
    sizes = {"pipeline_mib": peak.pipeline, "milvus_lite_mib": peak.milvus}
    return {"documents": documents, **sizes, "wall_s": wall_s}


def _one_layer(folder: Path) -> str:
    """MiniLM without all layers but the first, as a folder."""
    model = SentenceTransformer(embedder_path(ModelSettings()))
    encoder = model[0].model.encoder
    encoder.layer = encoder.layer[:1]
    model[0].model.config.num_hidden_layers = 1
    model.save(str(folder))
    assert Embedder(str(folder)).dimension == model.get_embedding_dimension()
    return str(folder)


def _below(root: int) -> Iterator[int]:
    """All descendants of a process."""
    for thread in Path(f"/proc/{root}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, thread.read_text().split()):
                yield child
                yield from _below(child)


def _kib(rollup: str) -> int:
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
