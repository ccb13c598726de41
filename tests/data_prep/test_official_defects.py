"""Ten defects that running the RAFT paper's own builder showed: none of them is ours.

The list is of the code at ShishirPatil/gorilla `raft/`, commit 6ea57973, run with stubbed clients.
"""

import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from cluster.prompts import parse
from cluster.records import Chunk, Hit, Question, Quote
from cluster.resolve import load_settings
from cluster.settings import ChunkSettings, RaftSettings
from data_prep.documents.cutting import cutter_for
from data_prep.sets.exports import Format, export
from data_prep.sets.oracles import Oracle
from data_prep.sets.raft import Built, ExampleBuilder, Task
from data_prep.sets.screen import holds_answer
from tests.command_lines import parse_command
from tests.training_sets import example

ROOT = Path(__file__).parents[2]
FACT = "The lamp needs 7 bolts."
_IMPORT = re.compile(r"^\s*(?:import|from) (\w+)(?:\.[\w.]+)?(?: import|$| as)", re.MULTILINE)


def chunk(name: str, text: str) -> Chunk:
    return Chunk(name, name, "uri", "", text, None, 0, len(text), 5)


def build(name: str, hits: int, raft: RaftSettings, answer: str = "7 bolts") -> Built:
    """An example from a corpus of the oracle and `hits` other chunks."""
    oracle = Oracle(chunk("o", FACT), (Quote("o", 0, len(FACT)),), "given")
    others = [Hit(chunk(f"h{n}", f"Garden number {n}."), 0.5, n + 2) for n in range(hits)]
    found = [Hit(oracle.chunk, 0.9, 1), *others]
    question = Question(name, "How many bolts?", answer, ("o",), (), None, "train")
    result = ExampleBuilder(raft, "g").build(Task(question, (oracle,)), found)
    assert isinstance(result, Built)
    return result


def test_1_every_imported_library_is_a_declared_requirement() -> None:
    """Its requirements file did not install, and two imported libraries were not listed in it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names, extra = (
        {re.split(r"[^\w.-]", line)[0].lower() for line in lines}
        for lines in (project["dependencies"], project["optional-dependencies"]["docs"])
    )
    modules = {
        match for path in (ROOT / "data_prep").rglob("*.py") for match in _IMPORT.findall(path.read_text())
    }  # fmt: skip
    renamed = {"yaml": "pyyaml", "pptx": "python-pptx"}
    # what a declared library brings along by its own declaration
    brought = {re.split(r"[^\w.-]", line)[0].lower() for n in names for line in requires(n) or ()}
    ours = {"cluster", "data_prep"}
    standard = sys.stdlib_module_names
    for module in modules - set(standard) - ours:
        name = renamed.get(module, module).lower().replace("_", "-")
        assert name in names | brought | extra, module


def test_2_documented_flags_are_accepted() -> None:
    """The options of its README were rejected: only another spelling worked."""
    parse_command(
        "openbook synth --corpus c --dataset d --qa q.jsonl --distractors 2 --oracle-fraction 0.5"
    )
    lines = [
        line.strip()
        for line in (ROOT / "README.md").read_text("utf-8").splitlines()
        if line.strip().startswith(("openbook synth", "openbook dataset"))
    ]
    assert lines
    for line in lines:
        parse_command(line)


@pytest.mark.parametrize(("text", "value"), [("False", False), ("false", False), ("true", True)])
def test_3_false_means_false(text: str, value: bool) -> None:
    """An option given as False counted as true, and deleted the checkpoints."""
    settings = load_settings({"raft.drop_duplicates": text}, None).settings
    assert settings.raft.drop_duplicates is value


def test_4_answers_that_are_api_calls_can_be_built() -> None:
    """Its mode for API documents raised TypeError at the first document."""
    answer = "torch.hub.load(repo_or_dir='a/b', model='x')"
    built = build("q", 5, RaftSettings(oracle_fraction=1), answer)
    assert built.example.answer == answer
    assert holds_answer('Use hub.load("a/b", "x") for it.', answer)


@pytest.mark.parametrize("format", ["messages", "prompt-completion", "alpaca", "sharegpt", "raft"])
def test_5_every_export_format_works_without_a_further_option(
    tmp_path: Path, format: Format
) -> None:
    """Chat output raised TypeError without a system prompt: after all generation had been paid for."""
    assert export([example("lamp")], format, "raft", tmp_path / "out.jsonl") == 1
    assert json.loads((tmp_path / "out.jsonl").read_text("utf-8"))


def test_6_chunk_size_is_in_tokens(tokenizer: Tokenizer) -> None:
    """A chunk size "in tokens" was one in characters: 512 gave about 100 words."""
    text = " ".join(f"The garden of house {n} has a wall and a gate." for n in range(400))
    cutter = cutter_for(tokenizer, 512, ChunkSettings(tokens=200, overlap=0))
    spans = cutter.cut(text, (), markdown=False, separate=False).spans
    sizes = [
        len(tokenizer.encode(text[s.start : s.end], add_special_tokens=False).ids) for s in spans
    ]
    assert all(size <= 200 for size in sizes)
    assert sum(sizes[:-1]) / len(sizes[:-1]) > 160


@pytest.mark.parametrize("hits", [4, 9, 49])
def test_7_no_document_is_in_a_context_twice(hits: int) -> None:
    """With the golden document dropped, its replacement repeated a distractor in 8 to 100 % of contexts."""
    for n in range(200):
        documents = build(f"q{n}", hits, RaftSettings(oracle_fraction=0)).example.documents
        assert max(Counter(document.text for document in documents).values()) == 1
        assert "o" not in {document.chunk_id for document in documents}


@pytest.mark.parametrize("hits", [0, 1, 2])
def test_8_small_corpus_gives_a_shorter_context_and_says_so(hits: int) -> None:
    """Fewer chunks than distractors and one raised ValueError."""
    built = build("q", hits, RaftSettings(distractors=3, oracle_fraction=1))
    assert len(built.example.documents) == hits + 1
    assert built.missing == 3 - hits


class Million:
    """A million chunks; reading one is counted, listing them is impossible."""

    def __init__(self) -> None:
        self.read = 0

    def draw(self, seed: int, limit: int) -> Iterator[Chunk]:
        assert limit <= 1000
        for n in range(limit):
            self.read += 1
            yield chunk(f"r{seed + n}", f"Tree number {seed + n}.")


def test_9_sampling_reads_as_many_chunks_as_it_takes() -> None:
    """Each question copied a list of all chunks: 40 ms at a million of them."""
    pool = Million()
    question = Question("q", "How many bolts?", "7 bolts", ("o",), (), None, "test")
    task = Task(question, (Oracle(chunk("o", FACT), (), "given"),))
    built = ExampleBuilder(RaftSettings(distractors=4, random_share=1), "g", pool).build(task, [])
    assert isinstance(built, Built)
    assert (len(built.example.documents), pool.read) == (5, 4)


@pytest.mark.parametrize("text", ["Reason.\n<ANSWER>:7", "<ANSWER>:  7\n", "x <ANSWER>:\n7\nmore"])
def test_10_answer_is_found_however_its_mark_is_spaced(text: str) -> None:
    """Without exactly one space after the mark the whole reasoning became the gold answer."""
    assert parse(text).answer == "7"
    assert parse("no mark at all").answer is None
