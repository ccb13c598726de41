"""`openbook ingest`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cluster.console import Console
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from data_prep.corpus.ingest import ingest as run_ingest

_SHOWN_FAILURES = 20


def ingest(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, a file, a pattern in quotes ('docs/**/*.md'), s3://bucket/prefix, or records: "
            "JSON lines (BEIR corpus.jsonl) and Parquet."
        ),
    ],
    corpus: Annotated[str, typer.Option(help="Name of the corpus.")],
    text_column: Annotated[
        str | None, typer.Option(help="Column of records that holds the text.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column that names records.")] = None,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Bring a corpus to what SOURCE holds: added, changed and deleted documents; live at the end."""
    columns = {"ingest__text_column": text_column, "ingest__id_column": id_column}
    with open_session(json_output, config, overrides, **columns) as session:
        show_report(session.console, run_ingest(session, source, corpus))


def show_report(console: Console, report: Mapping[str, Any]) -> None:
    """What an ingest did, for a person and as the result."""
    counts = ", ".join(f"{count} {name}" for name, count in report["documents"].items())
    written, total = report["chunks"]["written"], report["chunks"]["total"]
    console.line(f"{report['corpus']}: {counts} documents in {report['seconds']} s")
    console.line(
        f"generation {report['generation']} is live: {total} chunks, {written} written now"
    )
    if report["retrieval"] == "dense only":
        console.line("search is dense only: this Milvus has no BM25 functions (2.5 and later have)")
    if report["ignored"]:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in report["ignored"].items())
        console.line(f"left out as no documents: {kinds}")
    for failure in report["failures"][:_SHOWN_FAILURES]:
        console.line(f"  failed {failure['doc_id']}: {failure['reason']}")
    if len(report["failures"]) > _SHOWN_FAILURES:
        more = len(report["failures"]) - _SHOWN_FAILURES
        console.line(f"  and {more} more: openbook corpus status {report['corpus']}")
    console.result(report)
