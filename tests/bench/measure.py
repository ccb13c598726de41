"""How benchmarks measure: pairs of arms in one run, A/A noise beside them, JSON out.

Times of shared machines are only worth something as ratios: both arms alternate (A B B A ...) in one
process, the median of the ratios of the pairs counts, and the same arm against itself shows the noise.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

Run = Callable[[], Any]
_MEASURES = ("wall_s", "cpu_s")
_PACKAGES = ("openbook", "torch", "transformers", "sentence-transformers", "ray", "pymilvus")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took; `cpu_s` is of this process and of its children that ended."""

    wall_s: float
    cpu_s: float


def cost_of(run: Run) -> Cost:
    """Run once."""
    cpu, wall = _cpu_s(), time.perf_counter()
    run()
    return Cost(time.perf_counter() - wall, _cpu_s() - cpu)


def paired(slow: Run, fast: Run, pairs: int, by: str = "cpu_s") -> dict[str, Any]:
    """How many times `fast` is as fast as `slow`: median, range, and `slow` against itself.

    Both run once before anything counts. `medians` has the ratio by wall time and by processor time, of
    which threads that wait for one another take more than they use.
    """
    slow(), fast()
    ratios: dict[str, list[float]] = {name: [] for name in _MEASURES}
    noise = []
    for pair in range(pairs):
        order = (slow, fast, slow) if pair % 2 else (fast, slow, slow)
        first, second, third = (cost_of(run) for run in order)
        before, measured, after = (first, second, third) if pair % 2 else (second, first, third)
        for name, found in ratios.items():
            found.append(getattr(before, name) / getattr(measured, name))
        noise.append(getattr(before, by) / getattr(after, by))
    medians = {name: round(statistics.median(found), 3) for name, found in ratios.items()}
    return {
        "ratio": medians[by],
        "range": [round(min(ratios[by]), 3), round(max(ratios[by]), 3)],
        "same_arm_range": [round(min(noise), 3), round(max(noise), 3)],
        "medians": medians,
        "pairs": pairs,
        "by": by,
    }


def report(name: str, results: Mapping[str, Any]) -> None:
    """Print one JSON document: results, machine, versions, commit."""
    print(json.dumps({"benchmark": name, **results, "run": _describe_run()}, indent=2))


def _cpu_s() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def _describe_run() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {_processor()}, {os.cpu_count()} processors",
        "load_1min": round(os.getloadavg()[0], 2),
        "python": sys.version.split()[0],
        "packages": {name: _version(name) for name in _PACKAGES},
        "commit": commit.stdout.strip() or None,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()
