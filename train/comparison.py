"""A finished comparison, and the documents that scripts read: `report.json` and the `--json` result."""

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.keys import content_id
from cluster.prompts import PROMPT_HASH
from cluster.records import as_json
from train.scene import Scene
from train.scorecard import ArmSummary, Row
from train.statistics import PairedDifference
from train.subject import Subject

_PACKAGES = ("openbook", "ray", "torch", "transformers", "peft", "pymilvus", "httpx", "numpy")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything a report tells. `rows` by question, then arm; `reused` answers came from an earlier run."""

    subject: Subject
    scene: Scene
    rows: Sequence[Row]
    arms: Sequence[ArmSummary]
    pairs: Sequence[PairedDifference]
    verdict: str
    reused: int

    @property
    def report_id(self) -> str:
        """Set, version, and a hash of all answers and settings: the same content has the same id."""
        settings = self.scene.settings.model_dump(mode="json", exclude={"url"})
        content = content_id([as_json(row) for row in self.rows], settings, self.verdict, length=8)
        return f"{self.subject.dataset}-{self.subject.version}-{content}"


def result_document(comparison: Comparison) -> dict[str, Any]:
    """The shape scripts rely on; intervals, latency (seconds) and tokens (mean a question) by arm."""
    subject = comparison.subject
    return {
        "dataset": subject.dataset,
        "version": subject.version,
        "split": subject.split,
        "n": len(subject.examples),
        "metric": subject.yardstick.metric,
        "arms": {arm.arm: _arm(arm) for arm in comparison.arms},
        "paired": [_paired(pair) for pair in comparison.pairs],
        "verdict": comparison.verdict,
        "errors": [
            {"arm": row.arm, "question": row.question_id, "error": row.error}
            for row in comparison.rows
            if row.error is not None
        ],
        "reused": comparison.reused,
        "report": comparison.report_id,
    }


def report_document(comparison: Comparison, created: str) -> dict[str, Any]:
    """`report.json`: the result with everything needed to repeat and to judge it."""
    subject, scene = comparison.subject, comparison.scene
    return {
        **result_document(comparison),
        "created": created,
        "available": subject.available,
        "corpus": subject.corpus,
        "generation": scene.generation,
        "dataset_generation": subject.generation,
        "base_model": scene.base_model,
        "prompt_hash": PROMPT_HASH,
        "settings": {
            **scene.settings.model_dump(mode="json"),
            "url": scene.url,
            "top_k": scene.top_k,
            "temperature": 0,
        },
        "machine": machine(),
        "packages": packages(),
    }


def machine() -> dict[str, Any]:
    """Where the comparison ran; the server may have been elsewhere."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
    }


def packages() -> dict[str, str]:
    """Versions of what the comparison and a server beside it run on, where installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _arm(arm: ArmSummary) -> dict[str, Any]:
    fields = as_json(arm)
    del fields["arm"]
    return fields | {"ci95": list(arm.ci95)}


def _paired(pair: PairedDifference) -> dict[str, Any]:
    return {
        "better": pair.better,
        "worse": pair.worse,
        "difference": pair.difference.value,
        "ci95": [pair.difference.low, pair.difference.high],
        "p": pair.p,
        "p_holm": pair.p_holm,
        "n": pair.n,
        "decided": pair.decided,
        "more_questions": pair.more_questions,
    }
