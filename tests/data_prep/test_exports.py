"""Exports carry the very prompts that serving sends, in the schemas of other trainers."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.errors import InputError
from cluster.prompts import parse, render
from data_prep.card import render_card
from data_prep.exports import Format, Mode, export
from tests.training_sets import example

EXAMPLE = example("lamp")
TARGET = "The lamp needs 4 bolts of size 1."


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


@pytest.mark.parametrize("format", ["messages", "prompt-completion", "alpaca", "sharegpt", "raft"])
def test_raft_export_shows_documents_and_teaches_the_quote(tmp_path: Path, format: Format) -> None:
    prompt, target = texts_of(exported(tmp_path, format), format)
    assert all(document.text.strip() in prompt for document in EXAMPLE.documents)
    assert EXAMPLE.question in prompt
    assert parse(target).quotes == (TARGET,)
    assert parse(target).answer == EXAMPLE.answer


@pytest.mark.parametrize("format", ["messages", "prompt-completion", "alpaca", "sharegpt", "raft"])
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


def test_card_has_a_front_matter_and_the_counts() -> None:
    manifest = {
        "corpus": "parts", "generation": "g1", "embedder": "minilm", "metric": "label",
        "counts": {"train": 3, "validation": 0, "test": 1}, "rejected": {"no_oracle": 2},
        "oracle_fraction": {"target": 0.8, "measured": 0.75}, "settings": {"raft": {"seed": 0}},
        "quotes": {"given": 4}, "dropped_candidates": {}, "short_contexts": 1, "oracle_retrieved": 0.9,
    }  # fmt: skip
    card = render_card("lamps", "v1", manifest, EXAMPLE)
    front = yaml.safe_load(card.split("---")[1])
    splits = [file["split"] for file in front["configs"][0]["data_files"]]
    assert splits == ["train", "test"]
    assert "| no_oracle | 2 |" in card
    assert "0.75 (target 0.8)" in card
    assert TARGET in card
