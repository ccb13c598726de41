"""`openbook compare`: the arms side by side, a table, a report and a verdict."""

from typing import Annotated

import typer

from cluster.console import Console
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from train.compare import CompareRequest, compare_arms
from train.comparison import Comparison, result_document
from train.scorecard import ArmSummary


def compare(
    dataset: Annotated[str, typer.Option(help="Set whose held-out questions are asked.")],
    arms: Annotated[
        str | None, typer.Option(help="Out of base,rag,dsf,dsf+rag,raft; all by default.")
    ] = None,
    raft: Annotated[
        str | None, typer.Option(help="RAFT adapter; {dataset}-raft by default.")
    ] = None,
    dsf: Annotated[str | None, typer.Option(help="DSF adapter; {dataset}-dsf by default.")] = None,
    url: Annotated[str | None, typer.Option(help="Server to ask.")] = None,
    documents: Annotated[
        str | None,
        typer.Option(help="retrieved; or oracle: the right ones, to see what reading alone does."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="exact_match, f1, label or api_call; the set's own by default."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask at most so many questions.")] = None,
    split: Annotated[str | None, typer.Option(help="Split to ask, usually test.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Requests in flight.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer.")] = None,
    fresh: Annotated[bool, typer.Option(help="Forget the answers of earlier runs.")] = False,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Ask a running server every held-out question with every arm, and say which arm is best."""
    names = [name.strip() for name in arms.split(",")] if arms is not None else None
    flags = {"url": url, "arms": names, "limit": limit, "split": split}
    flags |= {"concurrency": concurrency, "max_tokens": max_tokens}
    flags |= {"documents": documents, "metric": metric}
    given = {f"compare__{name}": value for name, value in flags.items()}
    with open_session(json_output, config, overrides, **given) as session:
        request = CompareRequest(dataset, dsf, raft, fresh)
        comparison, report = compare_arms(session, request)
        show_table(session.console, comparison)
        session.console.line(comparison.verdict)
        session.console.line(f"report: {report.html}")
        where = {"id": report.report, "html": str(report.html)}
        session.console.result(result_document(comparison) | {"report": where})


def show_table(console: Console, comparison: Comparison) -> None:
    """The arms as a table that fits a terminal of 80 columns; all the rest is in the report."""
    subject = comparison.subject
    columns = [
        "arm",
        f"{subject.yardstick.title} %",
        "95 % CI",
        "cited right %",
        "recall %",
        "p50 / p95 s",
        "tokens in + out",
    ]
    title = f"{subject.dataset}@{subject.version}, {len(subject.examples)} questions"
    console.table(title, columns, [_cells(arm) for arm in comparison.arms])


def _cells(arm: ArmSummary) -> list[str]:
    low, high = arm.ci95
    return [
        arm.arm,
        _percent(arm.value),
        f"{100 * low:.0f}-{100 * high:.0f}",
        _percent(arm.citation_precision),
        _percent(arm.retrieval_recall),
        f"{_seconds(arm.latency_p50_s)} / {_seconds(arm.latency_p95_s)}",
        f"{arm.tokens_in or 0:.0f} + {arm.tokens_out or 0:.0f}",
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
