"""A client that others wrote drives `openbook serve`: vLLM's own benchmark, as users of vLLM know it.

`make test-vllm` has the program in an environment of its own and names it in `VLLM_PROGRAM`.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from cluster.objects import LocalStore
from tests.serve.live import Server, publish_adapters, run_server
from tests.serve.tiny import save_tiny_model

PROGRAM = os.environ.get("VLLM_PROGRAM", "")
REQUESTS, AT_ONCE, PROMPT_TOKENS, ANSWER_TOKENS = 24, 8, 48, 16
pytestmark = [
    pytest.mark.vllm, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(400),
    pytest.mark.skipif(not PROGRAM, reason="VLLM_PROGRAM is not set: make test-vllm"),
]  # fmt: skip


@pytest.fixture(scope="module")
def model(base_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    tokenizer = AutoTokenizer.from_pretrained(base_model)
    return save_tiny_model(tokenizer, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def server(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    publish_adapters(LocalStore(home / "store"), model, home)
    yield from run_server(home, model)


@pytest.mark.parametrize("asked", ["base", "alpha", "beta@v1"])
def test_vllm_bench_serve_completes_every_request(
    server: Server, model: str, asked: str, tmp_path: Path
) -> None:
    options = {
        "backend": "openai-chat", "base-url": server.url, "endpoint": "/v1/chat/completions",
        "model": asked, "tokenizer": model, "dataset-name": "random",
        "random-input-len": PROMPT_TOKENS, "random-output-len": ANSWER_TOKENS,
        "num-prompts": REQUESTS, "max-concurrency": AT_ONCE,
        "result-dir": tmp_path, "result-filename": "result.json",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [PROGRAM, "bench", "serve", *words, "--save-result"],
        capture_output=True, text=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["completed"] == REQUESTS, done.stderr[-4000:]
    assert result["total_output_tokens"] > 0
    assert result["median_ttft_ms"] > 0
