"""`openbook corpus sources`: where the documents of a corpus come from."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from data_prep.corpus.ledger import Ledger, read_snapshot
from data_prep.corpus.sources.removal import remove_source
from data_prep.ingest_cli import show_gone

sources = typer.Typer(no_args_is_help=True, help="Where the documents of a corpus come from.")
CorpusName = Annotated[str, typer.Argument(metavar="CORPUS", help="Name of the corpus.")]
_COUNTS = ("documents", "chunks", "failed")


@sources.command("list")
def list_sources(
    name: CorpusName,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Every source of the live version: its documents, and when it was read last."""
    with open_session(json_output, config, overrides) as session:
        live = session.corpora.live(name)
        found = describe_sources(read_snapshot(session.store, name, live.generation))
        for source in found:
            session.console.line(source["location"])
            session.console.line(f"  {_described(source)}")
        if not found:
            session.console.line(f"the ledger of {name} does not say where its documents lie")
        session.console.result({"corpus": name, "generation": live.generation, "sources": found})


@sources.command()
def remove(
    name: CorpusName,
    location: Annotated[
        str, typer.Argument(metavar="LOCATION", help="As `corpus sources list` shows it.")
    ],
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Leave out the documents of one source; the others are not read again."""
    with open_session(json_output, config, overrides) as session:
        report = remove_source(session, name, location)
        show_gone(session.console, report)
        session.console.line(
            f"{name}: generation {report['generation']} is live: {report['chunks']['total']} chunks of "
            f"{len(report['sources'])} sources, {report['seconds']} s"
        )
        session.console.result(report)


def _described(source: Mapping[str, Any]) -> str:
    counts = (
        f"{source['documents']} documents, {source['chunks']} chunks, {source['failed']} failed"
    )
    named = [source[name] for name in ("text_column", "id_column") if source[name]]
    columns = f", columns {', '.join(named)}" if named else ""
    return f"{counts}, read {source['ingested'] or 'at an unknown time'}{columns}"


def describe_sources(ledger: Ledger) -> list[dict[str, Any]]:
    """The origins of a ledger with what is searched of each; a document counts for its first source."""
    counts = {origin.location: Counter[str]() for origin in ledger.origins}
    for entry in ledger.entries.values():
        if entry.sources[:1] and entry.sources[0] in counts and entry.state != "deleted":
            count = counts[entry.sources[0]]
            count["documents"] += bool(entry.indexed_hash)
            count["chunks"] += entry.chunks
            count["failed"] += entry.state == "failed"
    return [
        {**asdict(origin), **{name: counts[origin.location][name] for name in _COUNTS}}
        for origin in ledger.origins
    ]
