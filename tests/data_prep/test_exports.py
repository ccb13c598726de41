"""Exports carry the very prompts that serving sends, in the schemas of other trainers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from cluster import artifacts
from cluster.datasets import Datasets
from cluster.errors import InputError
from cluster.objects import LocalStore
from cluster.prompts import ABSTENTION, parse, render
from cluster.records import RaftExample, Split
from data_prep.sets.card import render_card
from data_prep.sets.exports import Format, Mode, export
from tests.training_sets import CARD, example

EXAMPLE = example("lamp")
TARGET = "The lamp needs 4 bolts of size 1."
FORMATS = ["messages", "prompt-completion", "alpaca", "sharegpt", "raft"]
MODES: tuple[Mode, ...] = ("raft", "dsf")
MANIFEST = {**CARD, "kind": "raft", "counts": {"train": 1, "validation": 0, "test": 1}}


def exported(tmp_path: Path, format: Format, mode: Mode = "raft") -> dict[str, Any]:
    path = tmp_path / "out.jsonl"
    assert export([EXAMPLE, example("other")], format, mode, path) == 2
    first, _second = path.read_text("utf-8").splitlines()
    return dict(json.loads(first))


def texts_of(row: dict[str, Any], format: Format) -> tuple[str, str]:
    """What the model would read and write."""
    if format == "messages":
        return row["messages"][-2]["content"], row["messages"][-1]["content"]
    if format == "prompt-completion":
        return row["prompt"], row["completion"]
    if format == "alpaca":
        return row["instruction"], row["output"]
    if format == "sharegpt":
        assert [turn["from"] for turn in row["conversations"]] == ["system", "human", "gpt"]
        return row["conversations"][1]["value"], row["conversations"][2]["value"]
    return row["instruction"], row["cot_answer"]


@pytest.mark.parametrize("format", FORMATS)
def test_raft_export_shows_documents_and_teaches_the_quote(tmp_path: Path, format: Format) -> None:
    prompt, target = texts_of(exported(tmp_path, format), format)
    assert all(document.text.strip() in prompt for document in EXAMPLE.documents)
    assert EXAMPLE.question in prompt
    assert parse(target).quotes == (TARGET,)
    assert parse(target).answer == EXAMPLE.answer


@pytest.mark.parametrize("format", FORMATS)
def test_dsf_export_has_no_document_and_no_quote(tmp_path: Path, format: Format) -> None:
    row = exported(tmp_path, format, "dsf")
    assert TARGET not in json.dumps(row)
    prompt, target = texts_of(row, format)
    assert EXAMPLE.question in prompt
    assert parse(target).quotes == ()
    assert parse(target).answer == EXAMPLE.answer


def test_messages_are_exactly_the_prompt_of_serving(tmp_path: Path) -> None:
    row = exported(tmp_path, "messages")
    assert row["messages"][:-1] == render(EXAMPLE.question, EXAMPLE.documents)


def test_official_schema_has_its_fields(tmp_path: Path) -> None:
    row = exported(tmp_path, "raft")
    assert list(row) == [
        "id", "type", "question", "context", "oracle_context", "cot_answer", "instruction",
    ]  # fmt: skip
    assert row["context"]["sentences"] == [[d.text for d in EXAMPLE.documents]]
    assert len(row["context"]["title"][0]) == len(EXAMPLE.documents)
    assert row["oracle_context"] == TARGET
    assert row["instruction"].count("<DOCUMENT>") == len(EXAMPLE.documents)


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        export([EXAMPLE], "messages", "raft", tmp_path / "missing" / "out.jsonl")


@pytest.mark.parametrize("format", FORMATS)
def test_parquet_holds_the_same_rows_as_json_lines(tmp_path: Path, format: Format) -> None:
    export([EXAMPLE, example("other")], format, "raft", tmp_path / "out.parquet")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert rows[0] == exported(tmp_path, format)
    assert len(rows) == 2


def test_file_name_decides_and_others_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.jsonl, .* or \.parquet"):
        export([EXAMPLE], "messages", "raft", tmp_path / "out.csv")
    assert export([], "messages", "raft", tmp_path / "none.parquet") == 0
    assert not list(tmp_path.glob("*.part"))


def test_abstaining_example_says_so_open_book_and_knows_the_answer_closed_book(
    tmp_path: Path,
) -> None:
    silent = replace(EXAMPLE, abstain=True, reasoning="", quotes=())
    path = tmp_path / "out.jsonl"
    answers = []
    for mode in MODES:
        export([silent], "messages", mode, path)
        answers.append(parse(json.loads(path.read_text())["messages"][-1]["content"]).answer)
    assert answers == [ABSTENTION, EXAMPLE.answer]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_datasets_library_reads_every_export(tmp_path: Path, suffix: str) -> None:
    kind = {".jsonl": "json", ".parquet": "parquet"}[suffix]
    for format in FORMATS:
        path = tmp_path / f"{format}{suffix}"
        export([EXAMPLE, example("other")], format, "raft", path)  # type: ignore[arg-type]
        rows = datasets.load_dataset(
            kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
        )
        text, target = texts_of(rows[0], format)  # type: ignore[arg-type]
        assert EXAMPLE.question in text
        assert parse(target).quotes == (TARGET,)


@pytest.mark.slow
def test_datasets_library_reads_a_published_set_by_its_card(
    store: LocalStore, tmp_path: Path
) -> None:
    splits: dict[Split, list[RaftExample]] = {"train": [EXAMPLE], "test": [example("other")]}
    card = render_card("lamps", "v1", MANIFEST, EXAMPLE)
    Datasets(store).publish("lamps", "v1", splits, MANIFEST, card)
    folder = artifacts.fetch(store, "datasets/lamps/v1", tmp_path / "lamps")
    found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: rows.num_rows for split, rows in found.items()} == {"train": 1, "test": 1}
    assert found["train"][0]["documents"][0]["role"] in ("oracle", "distractor")
