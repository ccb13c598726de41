"""Whatever a parser does, the document gets a reason and the next one is parsed."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import UnavailableError
from cluster.settings import IngestSettings
from data_prep.documents.formats.parsed import ParseError
from data_prep.documents.sandbox import Sandbox
from tests.documents import heavy_pdf, pdf

ROOT = Path(__file__).parents[2]
HOSTILE = "tests.hostile_parser"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    limits = IngestSettings(parse_timeout_s=1.5, parse_memory_mib=64)
    running = Sandbox(limits, HOSTILE)
    yield running
    running.close()


def process_of(sandbox: Sandbox) -> int:
    return int(sandbox.parse(b"who", "text").title)


def test_result_comes_back_whole(sandbox: Sandbox) -> None:
    found = sandbox.parse("Größe 😀".encode(), "pdf")
    assert (found.text, found.pages, found.markdown) == ("Größe 😀", ((1, 0),), True)
    assert found.metadata["task"] == {"named": "pdf", "pdf_parser": "pdfium"}


def test_process_is_used_again_also_after_a_refusal(sandbox: Sandbox) -> None:
    first = process_of(sandbox)
    with pytest.raises(ParseError, match=r"^holds no text$"):
        sandbox.parse(b"refuse", "text")
    sandbox.parse(b"print", "text")
    assert process_of(sandbox) == first != os.getpid()


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (b"loop", r"longer than 1\.5 s.*ingest\.parse_timeout_s"),
        (b"eat", r"more than 64 MiB.*ingest\.parse_memory_mib"),
        (b"crash", "crashed on it .SIGSEGV"),
        (b"killed", "stopped from outside .SIGKILL.*openbook corpus retry"),
        (b"abort", r"SIGABRT.*more than 64 MiB.*ingest\.parse_memory_mib"),
        (b"leave", "crashed on it .exit code 7"),
        (b"fail", "RuntimeError: a fault of the parser"),
    ],
)
def test_parser_that_misbehaves_is_replaced(
    sandbox: Sandbox, behaviour: bytes, reason: str
) -> None:
    first = process_of(sandbox)
    with pytest.raises(ParseError, match=reason):
        sandbox.parse(behaviour, "text")
    assert process_of(sandbox) != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_parser_sees_no_credentials(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBOOK_STORE__SECRET_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    names = sandbox.parse(b"look", "text").metadata["environment"]
    assert "PATH" in names
    assert not [name for name in names if "SECRET" in name]


def test_parser_ends_with_a_killed_worker() -> None:
    worker = (
        "import os; from cluster.settings import IngestSettings\n"
        "from data_prep.documents.sandbox import Sandbox\n"
        f"sandbox = Sandbox(IngestSettings(), {HOSTILE!r})\n"
        "print(sandbox.parse(b'who', 'text').title, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", worker], cwd=ROOT, capture_output=True, text=True)
    parser, pause = Path("/proc", done.stdout.strip()), threading.Event()
    for _ in range(500):
        if not parser.exists():
            return
        pause.wait(0.02)
    pytest.fail(f"process {parser.name} still runs")


def test_process_that_does_not_start_is_no_fault_of_the_document() -> None:
    with pytest.raises(UnavailableError, match=r"no\.such\.module"):
        Sandbox(IngestSettings(), "no.such.module").parse(b"text", "text")


def test_library_that_cannot_be_loaded_is_no_fault_of_the_document(sandbox: Sandbox) -> None:
    with pytest.raises(UnavailableError, match="no module named docling"):
        sandbox.parse(b"no library", "text")
    assert sandbox.parse(b"text", "text").text == "text"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (IngestSettings(parse_timeout_s=2), "took longer than 2 s"),
        (IngestSettings(parse_memory_mib=64), "more than 64 MiB"),
    ],
)
def test_small_pdf_of_endless_work_is_stopped(limits: IngestSettings, reason: str) -> None:
    bomb = heavy_pdf(8)
    assert len(bomb) < 20_000
    sandbox = Sandbox(limits)
    with pytest.raises(ParseError, match=reason):
        sandbox.parse(bomb, "pdf")
    assert sandbox.parse(pdf([["It weighs 3 kg."]]), "pdf").text == "It weighs 3 kg."
    sandbox.close()
