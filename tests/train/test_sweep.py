"""A grid is every combination once; wrong axes are refused before anything trains, failures stop nothing."""

import csv
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import ConflictError, SettingsError, UsageError
from cluster.settings import TrainSettings
from train.sweep import Cell, cells, changed, parse_grid, sweep
from train.sweep_cli import write_csv


def test_grid_is_every_combination_with_the_last_axis_fastest() -> None:
    grid = parse_grid(["lora_rank=8,16", "seed=0,1,2"])
    found = list(cells(["a", "b"], ["raft"], grid))
    assert len(found) == 12
    assert [cell.values for cell in found[:4]] == [
        {"lora_rank": "8", "seed": "0"}, {"lora_rank": "8", "seed": "1"},
        {"lora_rank": "8", "seed": "2"}, {"lora_rank": "16", "seed": "0"},
    ]  # fmt: skip
    assert {cell.dataset for cell in found} == {"a", "b"}


def test_grid_without_axes_is_one_run_for_each_set_and_mode() -> None:
    found = list(cells(["a"], ["raft", "dsf"], {}))
    assert [(cell.dataset, cell.mode) for cell in found] == [("a", "raft"), ("a", "dsf")]


@pytest.mark.parametrize(
    ("axis", "error", "says"),
    [
        ("lora_rank", UsageError, "is not NAME=VALUE"),
        ("lora_rank=8,", UsageError, "is not NAME=VALUE"),
        ("rank=8", SettingsError, r"'rank' is no setting of train; known are .*lora_rank"),
    ],
)
def test_grid_axis_that_means_nothing_is_refused(
    axis: str, error: type[UsageError], says: str
) -> None:
    with pytest.raises(error, match=says):
        parse_grid([axis])


def test_cell_changes_its_settings_and_no_others() -> None:
    cell = Cell("a", "raft", {"lora_rank": "4", "lora_targets": '["q_proj"]', "keep": "best"})
    settings = changed(TrainSettings(seed=7), cell)
    assert (settings.lora_rank, settings.lora_targets, settings.keep) == (4, ("q_proj",), "best")
    assert settings.seed == 7


@pytest.mark.parametrize("value", ["0", "many"])
def test_cell_with_a_value_that_is_not_allowed_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="lora_rank"):
        changed(TrainSettings(), Cell("a", "raft", {"lora_rank": value}))


def test_sweep_goes_on_after_a_run_that_failed() -> None:
    told: list[str] = []

    def train(cell: Cell) -> Mapping[str, Any]:
        if cell.values["seed"] == "1":
            raise ConflictError("the set is for another model")
        return {"train_loss": 0.5, "version": "v"}

    rows = sweep(list(cells(["a"], ["raft"], {"seed": ["0", "1", "2"]})), train, told.append)
    assert [row.get("error") for row in rows] == [None, "the set is for another model", None]
    assert told[:2] == ["[1/3] a raft seed=0", "[2/3] a raft seed=1"]
    assert rows[2] == {
        "dataset": "a",
        "mode": "raft",
        "seed": "2",
        "train_loss": 0.5,
        "version": "v",
    }


def test_sweep_at_once_keeps_the_order_and_the_failures() -> None:
    together = threading.Barrier(2, timeout=20)

    def train(cell: Cell) -> Mapping[str, Any]:
        together.wait()  # nobody passes alone
        if cell.values["seed"] == "2":
            raise ConflictError("no")
        return {"version": cell.values["seed"]}

    grid = list(cells(["a"], ["raft"], {"seed": ["0", "1", "2", "3"]}))
    rows = sweep(grid, train, lambda _: None, at_once=2)
    assert [row.get("version") for row in rows] == ["0", "1", None, "3"]
    assert rows[2]["error"] == "no"


def test_table_as_csv_has_a_column_for_everything(tmp_path: Path) -> None:
    rows = [{"dataset": "a", "seed": "0", "train_loss": 0.5}, {"dataset": "a", "error": "no, not"}]
    write_csv(tmp_path / "t.csv", ["dataset", "seed", "train_loss", "error"], rows)
    with open(tmp_path / "t.csv", newline="") as file:
        found = list(csv.DictReader(file))
    assert found[0] == {"dataset": "a", "seed": "0", "train_loss": "0.5", "error": ""}
    assert found[1]["error"] == "no, not"
