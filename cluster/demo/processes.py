"""Child commands of the demo: run one to its end, keep one beside us, and never leave one behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from cluster.errors import OpenbookError
from cluster.runtime import ray_address
from cluster.session import Session

STOP_TIMEOUT_S = 60.0


class Commands:
    """Runs `openbook ...` with `environ` added to ours and `options` added to every command."""

    def __init__(self, environ: Mapping[str, str], options: Sequence[str]) -> None:
        self._environ = {**os.environ, **environ}
        self._options = list(options)

    @classmethod
    def beside(cls, session: Session, options: Sequence[str] = ()) -> Self:
        """Commands that share the home, the Milvus and the Ray of a session; starts them."""
        session.start_ray()
        settings = session.worker_settings()
        environ = {
            "OPENBOOK_HOME": str(settings.home),
            "OPENBOOK_MILVUS__URI": settings.milvus.uri,
            "OPENBOOK_RAY__ADDRESS": ray_address(),
        }
        return cls(environ, options)

    def run(self, arguments: Sequence[str]) -> dict[str, Any]:
        """The JSON result of a command; its progress shows on our terminal."""
        with self._started([*arguments, "--json"], subprocess.PIPE) as process:
            output, _ = process.communicate()
        if process.returncode != 0:
            raise OpenbookError(
                f"`openbook {arguments[0]}` failed with exit code {process.returncode}"
            )
        return dict(json.loads(output.splitlines()[-1]))

    def show(self, arguments: Sequence[str]) -> None:
        """A command that talks to the terminal itself."""
        with self._started(arguments, None) as process:
            process.wait()
        if process.returncode != 0:
            raise OpenbookError(
                f"`openbook {arguments[0]}` failed with exit code {process.returncode}"
            )

    @contextmanager
    def serving(self, arguments: Sequence[str]) -> Iterator[str]:
        """The URL of a server that runs while the block does."""
        with self._started([*arguments, "--json"], subprocess.PIPE) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            if not first:
                code = process.wait()
                raise OpenbookError(
                    f"`openbook serve` ended with exit code {code} before it was ready"
                )
            yield str(json.loads(first)["url"])

    @contextmanager
    def _started(self, arguments: Sequence[str], stdout: int | None) -> Iterator[Any]:
        command = [sys.executable, "-m", "cluster", *arguments, *self._options]
        process = subprocess.Popen(command, env=self._environ, stdout=stdout, text=True)
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[str]") -> None:
    """Interrupt a child that still runs, as Ctrl-C would; kill it if it does not listen."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
