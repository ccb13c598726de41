"""`openbook serve` in a process of its own, for tests that talk to it over HTTP."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from openai import OpenAI


@dataclass
class Server:
    """Where it listens, where it keeps its things, and its process."""

    url: str
    home: Path
    pid: int

    def client(self, **options: Any) -> OpenAI:
        """The official SDK's client, without retries."""
        return OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, **options)


def run_server(
    home: Path, model: str, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server over `home` with the base model in the folder `model`; ends with the iterator."""
    environment = {
        **os.environ,
        "OPENBOOK_HOME": str(home),
        "OPENBOOK_MODELS__BASE": model,
        "OPENBOOK_MODELS__DTYPE": "float32",
        "OPENBOOK_RAY__NUM_CPUS": "2",
        **(settings or {}),
    }
    log = home / "serve.log"
    with open(log, "w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "cluster", "serve", "--port", "0", "--json"],
            cwd=Path(__file__).parents[2], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, log.read_text()
        yield Server(json.loads(line)["url"], home, process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
    finally:
        process.kill()
        process.stdout.close()


def at_work(server: Server) -> int:
    """Requests that the generators run or hold."""
    ready = httpx.get(f"{server.url}/readyz").json()
    return int(ready["running"] + ready["waiting"])
