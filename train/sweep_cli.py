"""`openbook sweep`: training over a grid of settings, one table out."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.errors import GateError
from cluster.keys import safe_name
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.session import Session
from train.cli import train_adapter
from train.job import make_job
from train.launch import finished_run
from train.sweep import COLUMNS, Cell, cells, changed, parse_grid, sweep
from train.sweep_tasks import train_in_task

_DIGITS = 4


def sweep_verb(
    dataset: Annotated[list[str], typer.Option(help="Training set; may be repeated.")],
    adapter: Annotated[str, typer.Option(help="Name whose versions the results become.")],
    mode: Annotated[list[str], typer.Option(help="raft, dsf, cpt or instruct; may be repeated.")],
    grid: Annotated[
        list[str] | None,
        typer.Option(help="A setting of train and its values, as lora_rank=8,16; may be repeated."),
    ] = None,
    at_once: Annotated[
        int,
        typer.Option(min=1, help="Runs at the same time, as Ray tasks; they share the cluster."),
    ] = 1,
    output: Annotated[Path | None, typer.Option(help="Write the table as CSV, too.")] = None,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Train every combination; what is finished already is not trained again (exit 3 if one failed)."""
    axes = parse_grid(grid or [])
    with open_session(json_output, config, overrides) as session:
        safe_name("adapter", adapter)
        every = list(cells(dataset, mode, axes))
        for cell in every:  # a wrong value in the last cell is told before the first one trains
            changed(session.settings.train, cell)
        if at_once > 1:
            session.start_ray()  # before there are threads that would all do it
        train = _train if at_once == 1 else _train_in_task
        rows = sweep(
            every, lambda cell: train(session, cell, adapter), session.console.line, at_once
        )
        columns = ("dataset", "mode", *axes, "version", *COLUMNS)
        shown = [[_cell(row.get(column)) for column in columns] for row in rows]
        session.console.table(f"{len(rows)} runs", columns, shown)
        if output is not None:
            write_csv(output, [*columns, "run", "error"], rows)
        session.console.result({"runs": rows})
        if failed := [row for row in rows if "error" in row]:
            session.console.line(f"{len(failed)} of {len(rows)} runs failed: {failed[0]['error']}")
            raise typer.Exit(GateError.exit_code)  # the result is printed: --json is one document


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows, with a column for everything."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _train(session: Session, cell: Cell, adapter: str) -> Mapping[str, Any]:
    train = changed(session.settings.train, cell)
    settings = session.settings.model_copy(update={"train": train})
    with Session(settings, session.console) as own:
        if finished_run(own, make_job(own, cell.dataset, cell.mode)) is None:
            session.start_ray()  # once for all cells
        return train_adapter(own, cell.dataset, adapter, cell.mode)


def _train_in_task(session: Session, cell: Cell, adapter: str) -> Mapping[str, Any]:
    settings = session.settings.model_copy(update={"train": changed(session.settings.train, cell)})
    with Session(settings, session.console) as own:
        job = make_job(own, cell.dataset, cell.mode)
        if finished_run(own, job) is not None:
            return train_adapter(own, cell.dataset, adapter, cell.mode)
    return train_in_task(job.settings, cell, adapter)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}"
    return "-" if value is None else str(value)
