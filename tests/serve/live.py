"""`openbook serve` in a process of its own, over a tiny model that says one sentence and random adapters."""

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

from cluster.adapters import AdapterRegistry
from cluster.objects import LocalStore
from tests.serve.published import publish
from tests.serve.tiny import LINEARS, save_adapter

QUESTION = [{"role": "user", "content": "How do I reset the lamp?"}]
# random tokens from a flat distribution: takes seconds, and does not end early
ENDLESS = {"model": "alpha", "messages": QUESTION, "max_tokens": 800, "temperature": 2, "seed": 1}


@dataclass
class Server:
    url: str
    home: Path
    pid: int

    def client(self, **options: Any) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, **options)


def publish_adapters(store: LocalStore, model: str, folder: Path) -> None:
    registry = AdapterRegistry(store)
    save_adapter(model, folder / "a", 4, LINEARS, seed=1)
    save_adapter(model, folder / "b", 16, ["v_proj", "o_proj"], seed=2)
    publish(registry, folder / "a", "alpha", "v1", base_model=model)
    publish(registry, folder / "b", "beta", "v1", base_model=model)
    publish(registry, folder / "b", "foreign", "v1", base_model="another model")


def run_server(
    home: Path, model: str, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    environment = {
        **os.environ,
        "OPENBOOK_HOME": str(home),
        "OPENBOOK_MODELS__BASE": model,
        "OPENBOOK_MODELS__DTYPE": "float32",
        "OPENBOOK_RAY__NUM_CPUS": "2",
        **{f"OPENBOOK_SERVE__{name}": value for name, value in (settings or {}).items()},
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
    ready = httpx.get(f"{server.url}/readyz").json()
    return int(ready["running"] + ready["waiting"])
