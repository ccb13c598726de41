"""Commands of the command line in processes of their own, to be killed without a chance to clean up."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
_DEADLINE_S = 240.0


def start_openbook(arguments: Sequence[str], environ: Mapping[str, str]) -> "subprocess.Popen[str]":
    """`openbook ARGUMENTS` on its way, with what it logs in `stderr`."""
    return subprocess.Popen(
        [sys.executable, "-m", "cluster", *arguments],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


def kill_when(
    happened: Callable[[], bool], arguments: Sequence[str], environ: Mapping[str, str]
) -> None:
    """Run `openbook ARGUMENTS` and SIGKILL it as soon as `happened`, which is asked often."""
    process = start_openbook(arguments, environ)
    deadline, pause = time.monotonic() + _DEADLINE_S, threading.Event()
    while not happened():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, f"did not happen within {_DEADLINE_S:.0f} s"
        pause.wait(0.02)
    process.kill()
    process.communicate()


def run_openbook(
    arguments: Sequence[str], environ: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run `openbook ARGUMENTS` to its end; the caller looks at the exit code."""
    return subprocess.run(
        [sys.executable, "-m", "cluster", *arguments],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEADLINE_S,
    )
