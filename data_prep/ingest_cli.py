"""`openbook ingest`."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cluster.console import Console
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from data_prep.corpus.ingest import ingest as run_ingest
from data_prep.corpus.ingest import preview

_SHOWN_FAILURES = 20
_SHOWN_KINDS = 10
_SHOWN_NAMES = 10


def ingest(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, a file, a pattern in quotes ('docs/**/*.md'), s3://bucket/prefix, or records: "
            "JSON lines (BEIR corpus.jsonl) and Parquet."
        ),
    ],
    corpus: Annotated[str, typer.Option(help="Name of the corpus.")],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Remove the documents of all other sources of the corpus."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done; nothing is changed.")
    ] = False,
    text_column: Annotated[
        str | None, typer.Option(help="Column of records that holds the text.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column that names records.")] = None,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Bring the documents of SOURCE in a corpus to what it holds now; another SOURCE is added."""
    columns = {"ingest__text_column": text_column, "ingest__id_column": id_column}
    with open_session(json_output, config, overrides, **columns) as session:
        if dry_run:
            show_preview(session.console, preview(session, source, corpus, replace=replace))
        else:
            report = run_ingest(session, source, corpus, replace=replace)
            show_report(session.console, report)


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
    if len(report["sources"]) > 1:
        console.line(
            f"documents come from {len(report['sources'])} sources: openbook corpus sources list "
            f"{report['corpus']}"
        )
    if report["rebuild"]:
        console.line("parser, chunker or embedder changed: all sources were read again")
    show_gone(console, report)
    _show_listed(console, report)
    _show_failures(console, report["failures"], f"openbook corpus status {report['corpus']}")
    show_notices(console, report["notices"], report["noticed"])
    console.result(report)


def show_preview(console: Console, report: Mapping[str, Any]) -> None:
    """What an ingest would do, for a person and as the result."""
    counts = ", ".join(f"{count} {name}" for name, count in report["documents"].items())
    console.line(f"{report['corpus']}: would be {counts}; nothing was changed")
    if report["rebuild"]:
        console.line("parser, chunker or embedder changed: all sources would be read again")
    for source in report["sources"]:
        console.line(f"{source['location']}:")
        for verb in ("added", "changed", "deleted"):
            if names := source[verb]:
                console.line(f"  {len(names)} {verb}: {_some(names)}")
        _show_failures(console, source["failed"], "--json")
    _show_listed(console, report)
    console.result(report)


def show_gone(console: Console, report: Mapping[str, Any]) -> None:
    """Documents that were deleted, by source, and how to get them back."""
    for gone in report["gone"]:
        count = gone["documents"]
        verbs = "document is gone and was" if count == 1 else "documents are gone and were"
        names = _some(gone["examples"], count)
        console.line(f"{gone['source']}: {count} {verbs} removed: {names}")
    if "undo" in report:
        console.line(f"undo: {report['undo']}")


def show_notices(
    console: Console, kinds: Mapping[str, int], noticed: Sequence[Mapping[str, Any]]
) -> None:
    """A line for each kind of notice: how many documents have it, and one of them."""
    examples: dict[str, Mapping[str, Any]] = {}
    for notice in noticed:
        examples.setdefault(notice["kind"], notice)
    for kind, count in list(kinds.items())[:_SHOWN_KINDS]:
        example = examples[kind]
        documents = "document" if count == 1 else "documents"
        console.line(
            f"notice: {kind} in {count} {documents}, such as {example['doc_id']}: {example['text']}"
        )
    if len(kinds) > _SHOWN_KINDS:
        console.line(f"and {len(kinds) - _SHOWN_KINDS} more kinds of notices; --json lists all")


def _show_listed(console: Console, report: Mapping[str, Any]) -> None:
    """What was left out, documents that got other names, and those that seem to be there twice."""
    if report["ignored"]:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in report["ignored"].items())
        console.line(f"left out: {kinds}")
    renamed = [f"{item['name']} is {item['doc_id']}" for item in report["renamed"]]
    if renamed:
        console.line(f"names that other sources use: {_some(renamed)}")
    for copy in report["copies"]:
        console.line(
            f"{copy['documents']} new documents are also in {copy['source']}, to the byte; if that moved: "
            f"openbook corpus sources remove {report['corpus']} {copy['source']}"
        )


def _show_failures(console: Console, failures: Sequence[Mapping[str, Any]], where: str) -> None:
    for failure in failures[:_SHOWN_FAILURES]:
        console.line(f"  failed {failure['doc_id']}: {failure['reason']}")
    if len(failures) > _SHOWN_FAILURES:
        console.line(f"  and {len(failures) - _SHOWN_FAILURES} more: {where}")


def _some(names: Sequence[str], total: int | None = None) -> str:
    count = len(names) if total is None else total
    shown = ", ".join(names[:_SHOWN_NAMES])
    more = count - min(len(names), _SHOWN_NAMES)
    return f"{shown} and {more} more" if more > 0 else shown
