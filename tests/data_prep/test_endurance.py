"""Ingest and synth killed at random moments, many times: every re-run ends like an uninterrupted run.

Minutes long, so not part of `make test`: `make test-endurance`.
"""

import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from cluster.objects import open_store
from data_prep.sets.synth import Order
from tests.data_prep.test_synth import durable_set, run_synth, write_questions
from tests.processes import run_openbook, start_openbook
from tests.real_corpus import Built, durable_state, environment, run_ingest

pytestmark = [pytest.mark.endurance, pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1200)]
KILLS = 20


def killed_at_random(arguments: Sequence[str], environ: dict[str, str], moment_s: float) -> bool:
    """Whether the command still ran when it was killed."""
    process = start_openbook(arguments, environ)
    try:
        process.communicate(timeout=moment_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    return False


def duration_s(arguments: Sequence[str], environ: dict[str, str]) -> float:
    """How long the whole command takes here."""
    begin = time.monotonic()
    assert run_openbook(arguments, environ).returncode == 0
    return time.monotonic() - begin


def test_ingest_killed_at_twenty_random_moments_ends_as_if_it_had_not_been(built: Built) -> None:
    choice, environ = random.Random(1), environment(built.settings)
    command = ["ingest", str(built.folder), "--corpus"]
    whole_s = duration_s([*command, "timed"], environ)
    killed = 0
    for number in range(KILLS):
        name = f"killed{number:02d}"
        killed += killed_at_random([*command, name], environ, choice.uniform(0.1, 1) * whole_s)
        report = run_ingest(built.settings, built.folder, name)
        assert durable_state(built.settings, name, report["generation"]) == built.durable, number
    assert killed >= KILLS // 2


def test_synth_killed_at_twenty_random_moments_gives_the_same_bytes(
    built: Built, tmp_path: Path
) -> None:
    choice, environ = random.Random(2), environment(built.settings)
    store, questions = open_store(built.settings), write_questions(tmp_path / "qa.jsonl", 24)
    command = ["synth", "--corpus", "docs", "--qa", str(questions), "--dataset"]
    whole_s = duration_s([*command, "timed"], environ)
    whole = durable_set(store, "timed")
    killed = 0
    for number in range(KILLS):
        name = f"ended{number:02d}"
        killed += killed_at_random([*command, name], environ, choice.uniform(0.1, 1) * whole_s)
        run_synth(built.settings, Order("docs", name, questions, None))
        assert durable_set(store, name) == whole, number
    assert killed >= KILLS // 2
