"""The field's own fuzzer reads the OpenAPI schema that the server gives out, and finds no failure."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr

from cluster.settings import ServeSettings
from tests.serve.house import House

KEY = "sixteen letters!"
# a body that is too large is refused as such
CONFIG = '[checks.negative_data_rejection]\nexpected-statuses = ["4xx"]\n'
# what fields need of each other is not in the schema
EXCLUDED = "positive_data_acceptance"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def url(house: House) -> Iterator[str]:
    house.settings = ServeSettings(corpus="lamps", admin_key=SecretStr(KEY))
    server = uvicorn.Server(uvicorn.Config(house.app(), log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sockets = {"sockets": [listener]}
        thread = threading.Thread(target=server.run, kwargs=sockets, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


def test_schemathesis_run_on_the_served_schema_finds_no_failure(url: str, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    program = Path(sys.executable).with_name("schemathesis")
    options = ["--phases", "examples,coverage,fuzzing", "--max-examples", "60", "--seed", "1"]
    options += ["--checks", "all", "--exclude-checks", EXCLUDED]
    options += ["--header", f"Authorization: Bearer {KEY}"]
    options += ["--request-timeout", "20", "--no-color"]
    done = subprocess.run(
        [program, "run", f"{url}/openapi.json", *options],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[:8000] + done.stderr[-2000:]
