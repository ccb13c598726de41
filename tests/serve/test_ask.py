"""`ask` over real HTTP: text as it comes, then its sources; clear words when there is no server."""

import json
import socket

import pytest

from cluster.errors import BusyError, OpenbookError, UnavailableError
from serve.ask_cli import ask
from serve.cli import free_port
from serve.client import server_url
from tests.fakes import Loopback
from tests.serve.house import SHOWN, House


def run_ask(
    url: str, corpus: str | None = None, model: str = "base", json_output: bool = False
) -> None:
    ask("How long?", model, corpus, url, json_output, None, None)


def test_ask_prints_text_then_sources(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    with Loopback(house.app()) as server:
        run_ask(server.url, "lamps", "manual")
    text, sources = capsys.readouterr().out.split("\n\n")
    assert text == SHOWN
    assert sources.splitlines() == [
        "[2] Manual 2  file:///manual/doc-2.md, page 2",
        "    “Hold the button for 10 seconds.”",
    ]


def test_ask_without_quotes_says_what_was_read(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.engine.script = ["No idea."]
    with Loopback(house.app()) as server:
        run_ask(server.url, "lamps")
        run_ask(server.url)
    out = capsys.readouterr().out
    assert "No verified quote. Read, in this order: Manual 1, Manual 2." in out
    assert "Answered without documents: no corpus" in out


def test_ask_json_is_the_whole_answer(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    with Loopback(house.app()) as server:
        run_ask(f"{server.url}/v1", "lamps", json_output=True)
    body = json.loads(capsys.readouterr().out)
    assert body["choices"][0]["message"]["content"] == SHOWN
    assert body["citations"][0]["doc_id"] == "doc-2"


def test_ask_error_of_the_server_is_told(house: House) -> None:
    house.engine.script = ["Some ", UnavailableError("the model is gone")]
    with Loopback(house.app()) as server:
        with pytest.raises(OpenbookError, match=r"404.*nobody"):
            run_ask(server.url, model="nobody")
        with pytest.raises(OpenbookError, match=r"broke off: the model is gone"):
            run_ask(server.url)


def test_ask_nobody_there_says_how_to_start_one() -> None:
    with pytest.raises(UnavailableError, match="openbook serve"):
        run_ask(server_url("127.0.0.1", free_port("127.0.0.1", 0)))


def test_free_port_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BusyError, match=rf"127\.0\.0\.1:{port}.*--port"):
            free_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80"), ("box", "http://box:80")],
)
def test_server_url_is_where_one_reaches_it(host: str, url: str) -> None:
    assert server_url(host, 80) == url
