"""`openbook dataset`: a list that tells sets apart, a page that is good to read, and exports."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cluster.datasets import Datasets
from cluster.errors import InputError
from cluster.objects import LocalStore
from cluster.records import PackedText, RaftExample, Segment, Split
from data_prep.dataset_cli import dataset
from tests.training_sets import CARD, example

TEXT = PackedText("t1", "Read this.", (Segment("d", 0, 10),), 4, "train")
CPT: dict[str, Any] = {
    "kind": "cpt", "corpus": "parts", "generation": "g1", "tokenizer": "tiny", "fill": 0.9,
    "counts": {"train": 1, "validation": 0, "test": 0}, "documents": {"train": 1},
    "tokens": {"train": 4}, "histograms": {"tokens of a row": [("0..5", 1)]},
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two published sets: `lamps` of examples, `reading` of packed text."""
    monkeypatch.setenv("OPENBOOK_HOME", str(tmp_path))
    datasets = Datasets(LocalStore(tmp_path / "store"))
    splits: dict[Split, list[RaftExample]] = {"train": [example("a"), example("b")]}
    counts = {"train": 2, "validation": 0, "test": 0}
    datasets.publish("lamps", "v1", splits, {**CARD, "counts": counts, "created": "now"}, "")
    datasets.publish_stream("reading", "v2", [TEXT], lambda: (CPT, "# reading"))
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(dataset, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_tells_kind_version_and_counts(home: Path) -> None:
    found = json.loads(run("list", "--json"))["datasets"]
    assert [(one["dataset"], one["version"], one["kind"], one["train"]) for one in found] == [
        ("lamps", "v1", "raft", 2), ("reading", "v2", "cpt", 1),
    ]  # fmt: skip
    assert found[0]["versions"] == 1


def test_list_without_sets_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBOOK_HOME", str(tmp_path))
    assert "openbook synth" in run("list")


def test_show_tells_what_was_left_out_and_shows_an_example(home: Path) -> None:
    text = run("show", "lamps")
    for told in ("no_oracle 2", "share no oracle chunk", "█", "How many bolts does the a need?"):
        assert told in text, told
    assert json.loads(run("show", "lamps", "--json"))["example"]["id"] == "a"


def test_show_of_a_text_set_tells_documents_and_tokens(home: Path) -> None:
    assert "90% full of tiny's tokens" in run("show", "reading")
    assert json.loads(run("show", "reading", "--json"))["example"]["text"] == TEXT.text


def test_export_writes_the_format_that_the_name_asks_for(home: Path, tmp_path: Path) -> None:
    for name in ("out.jsonl", "out.parquet"):
        options = ("--output", str(tmp_path / name), "--format", "messages")
        assert json.loads(run("export", "lamps", *options, "--json"))["rows"] == 2
        assert (tmp_path / name).is_file()


def test_text_set_cannot_be_exported_as_examples(home: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'cpt', 'raft' is needed"):
        run("export", "reading", "--output", str(tmp_path / "o.jsonl"), "--format", "raft")
