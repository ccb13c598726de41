"""A grid of training runs, one after another or several at once, as one table.

A cell is an ordinary run: its name follows from its settings, so a sweep that was interrupted, or that
grows by a value, trains only what is missing. A cell that fails is told and stops no other.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from cluster.errors import OpenbookError, SettingsError, UsageError
from cluster.resolve import parse_value
from cluster.settings import TrainSettings

COLUMNS = (
    "steps", "train_loss", "validation_loss", "best_loss", "tokens", "tokens_per_second", "seconds",
)  # fmt: skip
Train = Callable[["Cell"], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a grid; `values` are settings of `train` by name."""

    dataset: str
    mode: str
    values: Mapping[str, str]

    @property
    def label(self) -> str:
        """How messages call it."""
        told = [
            self.dataset,
            self.mode,
            *(f"{name}={value}" for name, value in self.values.items()),
        ]
        return " ".join(told)


def parse_grid(axes: Sequence[str]) -> dict[str, list[str]]:
    """`NAME=V1,V2` each -> values by setting. SettingsError for what is no setting of `train`."""
    grid: dict[str, list[str]] = {}
    for axis in axes:
        name, equals, values = axis.partition("=")
        if not equals or not all(values.split(",")):
            raise UsageError(f"--grid {axis!r} is not NAME=VALUE,VALUE; e.g. --grid lora_rank=8,16")
        if name not in TrainSettings.model_fields:
            known = ", ".join(sorted(TrainSettings.model_fields))
            raise SettingsError(f"--grid {name!r} is no setting of train; known are {known}")
        grid[name] = values.split(",")
    return grid


def cells(
    datasets: Sequence[str], modes: Sequence[str], grid: Mapping[str, Sequence[str]]
) -> Iterator[Cell]:
    """Every combination, the last axis fastest."""
    for dataset, mode, *values in itertools.product(datasets, modes, *grid.values()):
        yield Cell(dataset, mode, dict(zip(grid, values, strict=True)))


def changed(settings: TrainSettings, cell: Cell) -> TrainSettings:
    """The settings of a cell. SettingsError for a value that is not allowed."""
    values = {name: parse_value(f"train.{name}", text) for name, text in cell.values.items()}
    try:
        return TrainSettings.model_validate({**settings.model_dump(), **values})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsError(f"--grid {name}={first['input']!r}: {first['msg']}") from error


def sweep(
    grid: Sequence[Cell], train: Train, told: Callable[[str], None], at_once: int = 1
) -> list[dict[str, Any]]:
    """A row for each cell, in order: its values, what its run reports, or `error`."""

    def row(numbered: tuple[int, Cell]) -> dict[str, Any]:
        number, cell = numbered
        told(f"[{number}/{len(grid)}] {cell.label}")
        head = {"dataset": cell.dataset, "mode": cell.mode, **cell.values}
        try:
            return {**head, **train(cell)}
        except OpenbookError as error:
            told(f"[{number}/{len(grid)}] failed: {error}")
            return {**head, "error": str(error)}

    if at_once == 1:
        return list(map(row, enumerate(grid, 1)))
    with ThreadPoolExecutor(at_once) as waiting:
        return list(waiting.map(row, enumerate(grid, 1)))
