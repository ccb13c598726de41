"""The stages of the demo: each is a command that a user could type, and one line about its result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "tamblen"
FOLDER = Path(__file__).parent
ARMS = "base,rag,dsf,dsf+rag,raft"
QUESTION = "How many seconds must the pinhole be pressed to factory-reset a Canopy?"

# small chunks and contexts: a 135M model on two cores reads and trains a few hundred tokens a second
INGEST = ("--set", "chunk.tokens=64", "--set", "chunk.overlap=0")
SYNTH = ("--distractors", "1")
TRAIN = (
    "--max-steps", "20", "--set", "train.max_tokens=640", "--set", "train.micro_batch_tokens=1024",
    "--set", "train.validation_examples=10",
)  # fmt: skip
# 20 steps of either mode are what the time allows: of two passes over short examples, of one over long
# ones, where small batches make enough steps
DSF = ("--epochs", "2")
RAFT = ("--epochs", "1", "--set", "train.batch_size=4")
# workers of one thread each do not wait for one another within a step, as the threads of one would
MOST_WORKERS = 2
RETRIEVE = ("--set", "retrieval.top_k=2")
COMPARE = ("--limit", "24", "--max-tokens", "80", *RETRIEVE)

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """`arguments` of the command line; `tell` turns its JSON result into a line."""

    title: str
    arguments: tuple[str, ...]
    tell: Callable[[Result], str]


def build_stages(cpus: int) -> list[Stage]:
    """Everything that comes before serving, in order, on a Ray of so many CPUs."""
    workers = ("--workers", str(min(cpus, MOST_WORKERS)))
    return [
        Stage(
            "Ingest: documents -> chunks -> vectors -> Milvus",
            ("ingest", str(FOLDER / "corpus"), "--corpus", NAME, "--replace", *INGEST),
            _tell_ingest,
        ),
        Stage(
            "Synthesise: questions + retrieved distractors -> RAFT and DSF sets",
            (
                "synth", "--corpus", NAME, "--dataset", NAME,
                "--qa", str(FOLDER / "qa.jsonl"), *SYNTH,
            ),
            _tell_synth,
        ),
        _train("DSF", "dsf", "questions and answers only", (*DSF, *workers)),
        _train("RAFT", "raft", "open book, with distractors", (*RAFT, *workers)),
    ]  # fmt: skip


def serve_arguments() -> tuple[str, ...]:
    """The server, on any free port."""
    return ("serve", "--corpus", NAME, "--port", "0", *RETRIEVE)


def compare_stage(url: str) -> Stage:
    """The five arms over HTTP."""
    return Stage(
        "Compare: five arms on the test questions, over HTTP",
        ("compare", "--dataset", NAME, "--arms", ARMS, "--url", url, *COMPARE),
        _tell_compare,
    )


def ask_arguments(url: str) -> tuple[str, ...]:
    """One question, answered live."""
    return ("ask", QUESTION, "--model", f"{NAME}-raft", "--corpus", NAME, "--url", url)


def _train(label: str, mode: str, about: str, options: tuple[str, ...]) -> Stage:
    return Stage(
        f"Train {label} ({about}) with Ray Train",
        (
            "train", "--dataset", NAME, "--adapter", f"{NAME}-{mode}",
            "--mode", mode, *options, *TRAIN,
        ),
        _tell_train,
    )  # fmt: skip


def _tell_ingest(result: Result) -> str:
    documents, chunks = result["documents"], result["chunks"]
    counts = ", ".join(f"{documents[state]} {state}" for state in documents if documents[state])
    return f"{counts} documents; {chunks['total']} chunks in generation {result['generation']}"


def _tell_synth(result: Result) -> str:
    counts = ", ".join(f"{number} {split}" for split, number in result["examples"].items())
    fraction = result["oracle_fraction"]["measured"]
    return f"{counts} examples; the oracle is present in {fraction:.0%} of the training contexts"


def _tell_train(result: Result) -> str:
    if result.get("unchanged"):
        return f"unchanged: {result['adapter']}@{result['version']}"
    return (
        f"published {result['adapter']}@{result['version']}: loss {result['train_loss']:.2f} in training, "
        f"{result['validation_loss']:.2f} in validation, {result['tokens_per_second']:.0f} tokens/s"
    )


def _tell_compare(result: Result) -> str:
    return f"{result['verdict']}\nReport: {result['report']['html']}"
