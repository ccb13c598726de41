"""`openbook train`: a training set becomes an adapter version."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cluster.keys import safe_name
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.session import Session
from train.adapters_cli import adapters
from train.job import curve_prefix, make_job
from train.launch import finished_run, foresee, result_prefix, run
from train.publish import publish_run

__all__ = ["adapters", "train"]


def train(
    dataset: Annotated[str, typer.Option(help="Training set: name, or name@version.")],
    adapter: Annotated[str, typer.Option(help="Name under which the result is registered.")],
    mode: Annotated[
        str,
        typer.Option(
            help="raft: with documents; dsf: question alone; cpt: the text itself; instruct: conversations."
        ),
    ] = "raft",
    method: Annotated[
        str | None,
        typer.Option(help="lora or qlora: an adapter; dora or full: a model of its own."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the set.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="End after so many steps.")] = None,
    workers: Annotated[int | None, typer.Option(help="Ray Train workers.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples per step, all workers.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of order, start and dropout.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell steps, memory and time.")
    ] = False,
    gpu: Annotated[bool | None, typer.Option("--gpu/--cpu", help="One GPU per worker.")] = None,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Train with Ray Train and register the result; goes on where an earlier attempt stopped."""
    flags = {
        "train__method": method,
        "train__epochs": epochs,
        "train__max_steps": max_steps,
        "train__num_workers": workers,
        "train__learning_rate": learning_rate,
        "train__batch_size": batch_size,
        "train__seed": seed,
        "train__use_gpu": gpu,
    }
    with open_session(json_output, config, overrides, **flags) as session:
        if dry_run:
            _foretell(session, dataset, mode)
        else:
            _tell(session, train_adapter(session, dataset, adapter, mode))


def _tell(session: Session, report: Mapping[str, Any]) -> None:
    session.console.result(report)
    loss = report["validation_loss"] or report["train_loss"]
    session.console.line(
        f"{report['registered']} {'unchanged' if report['unchanged'] else 'trained'}"
        f": {report['steps']} steps, loss {loss:.3f}, {report['tokens_per_second']:.0f} tokens/s"
    )


def _foretell(session: Session, dataset: str, mode: str) -> None:
    job = make_job(session, dataset, mode)
    steps, estimate = foresee(session, job)
    session.console.line(f"{job.dataset}: {steps} steps, {estimate.told()}")
    session.console.result({"run": job.run, "steps": steps, **estimate.as_json()})


def train_adapter(session: Session, dataset: str, adapter: str, mode: str) -> dict[str, object]:
    """Dataset -> registered version of an adapter or a model.

    The report has the shape of `openbook train --json`.
    """
    started = time.monotonic()
    safe_name("adapter", adapter)
    job = make_job(session, dataset, mode)
    was_finished = finished_run(session, job) is not None
    if not was_finished:
        run(session, job)
    published = publish_run(session, job, adapter, result_prefix(job))
    return {
        "adapter": adapter,
        "version": published.version,
        "registered": published.spec,
        **published.metrics,
        "seconds": round(time.monotonic() - started, 3),
        "dataset": job.dataset,
        "mode": job.mode,
        "method": job.settings.train.method,
        "dtype": job.dtype,
        "run": job.run,
        "curve": curve_prefix(job),
        "unchanged": was_finished and published.known,
    }
