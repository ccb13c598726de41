"""`openbook corpus status`: what became of the documents of a corpus."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from cluster.corpora import Generation
from cluster.errors import NotFoundError
from cluster.keys import corpus_prefix
from cluster.leases import STALE_S
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.session import Session
from data_prep.corpus.ledger import Entry, State, count_notices, read_snapshot
from data_prep.corpus.report import list_notices
from data_prep.corpus_sources_cli import CorpusName, describe_sources
from data_prep.ingest_cli import show_notices

_SHOWN_ROWS = 200
_SHOWN_SOURCES = 20
_SHOWN_OF_A_KIND = 5
_STATES: tuple[State, ...] = ("indexed", "failed", "deleted")
_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def status(
    name: CorpusName,
    state: Annotated[
        Literal["indexed", "failed", "deleted"] | None,
        typer.Option(help="List the documents in this state instead of the failed ones."),
    ] = None,
    notices: Annotated[
        bool, typer.Option("--notices", help="List every notice, not some of each kind.")
    ] = False,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Counts, sources, the documents that failed and what of the others is not searched."""
    with open_session(json_output, config, overrides) as session:
        live = session.corpora.live(name)
        ledger = read_snapshot(session.store, name, live.generation)
        entries = list(ledger.entries.values())
        listed = [entry for entry in entries if entry.state == (state or "failed")]
        result: dict[str, Any] = {
            "corpus": name, "generation": live.generation, "created": live.created,
            "source": ", ".join(o.location for o in ledger.origins) or "unknown",
            "sources": describe_sources(ledger),
            "documents": {known: sum(e.state == known for e in entries) for known in _STATES},
            "chunks": live.chunks, "notices": count_notices(entries),
            "activity": _activity(session, name),
            "entries": [asdict(e) for e in entries if state in (None, e.state)],
        }  # fmt: skip
        _show_status(session, live, result)
        _show_entries(session, listed, state or "failed")
        _show_noticed(session, entries, result["notices"], notices)
        if result["documents"]["failed"]:
            session.console.line(f"try failed ones again with `openbook corpus retry {name}`")
        session.console.result(result)


def _show_status(session: Session, live: Generation, result: Mapping[str, Any]) -> None:
    console = session.console
    console.line(f"{live.corpus}: {live.documents} documents searched, {live.chunks} chunks")
    console.line("  " + ", ".join(f"{n} {state}" for state, n in result["documents"].items()))
    for source in result["sources"][:_SHOWN_SOURCES]:
        console.line(f"  from {source['location']}{_of_source(source, result['sources'])}")
    if not result["sources"]:
        console.line("  from unknown")
    if len(result["sources"]) > _SHOWN_SOURCES:
        more = len(result["sources"]) - _SHOWN_SOURCES
        console.line(f"  and {more} more: openbook corpus sources list {live.corpus}")
    console.line(f"  generation {live.generation}, built {_age(live.created)} ago")
    console.line(f"  embedder {live.embedder}, chunks of {live.chunker.get('tokens', '?')} tokens")
    if result["activity"]:
        console.line(f"  {result['activity']}")


def _of_source(source: Mapping[str, Any], sources: Sequence[Any]) -> str:
    """How much comes from a source where there are several, and what was left out there."""
    counted = f": {source['documents']} documents, {source['failed']} failed"
    ignored = ", ".join(f"{count} {reason}" for reason, count in source["ignored"].items())
    left_out = f"; left out as no documents: {ignored}" if ignored else ""
    return (counted if len(sources) > 1 else "") + left_out


def _show_entries(session: Session, listed: list[Entry], state: str) -> None:
    if not listed:
        return session.console.line(f"no document is {state}")
    rows = [[e.doc_id, str(e.chunks), str(e.attempts), e.reason] for e in listed[:_SHOWN_ROWS]]
    session.console.table(f"{state} documents", ("document", "chunks", "attempts", "reason"), rows)
    if len(listed) > _SHOWN_ROWS:
        session.console.line(f"and {len(listed) - _SHOWN_ROWS} more; --json lists all")
    return None


def _show_noticed(
    session: Session, entries: Iterable[Entry], kinds: Mapping[str, int], everything: bool
) -> None:
    noticed = list_notices(entries)
    if not noticed:
        return
    show_notices(session.console, kinds, noticed)
    shown: list[list[str]] = []
    for kind in kinds:
        of_kind = [[n["doc_id"], kind, n["text"]] for n in noticed if n["kind"] == kind]
        shown += of_kind if everything else of_kind[:_SHOWN_OF_A_KIND]
    if not everything:
        shown = shown[:_SHOWN_ROWS]
    session.console.table("notices", ("document", "kind", "notice"), shown)
    if len(shown) < len(noticed):
        session.console.line(f"and {len(noticed) - len(shown)} more; --notices lists all")


def _activity(session: Session, name: str) -> str:
    """Who changes the corpus now, or what a killed command left to finish; empty when nothing."""
    prefix = corpus_prefix(name)
    try:
        holder = json.loads(session.store.get(f"{prefix}/lock"))
    except NotFoundError:
        holder = None
    if holder and time.time() - holder["beat"] < STALE_S:
        return f"{holder['purpose']} is running (process {holder['pid']} on {holder['host']})"
    live = session.corpora.pointer(name)
    if next(iter(session.store.list(f"{prefix}/staging")), None) is not None:
        return "an ingest was interrupted: ingest again, it continues"
    if live and not live.settled:
        return "a change was interrupted: ingest again, or `corpus rollback`, to finish it"
    return ""


def _age(created: str) -> str:
    age_s = (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
    unit, length = next((u for u in _UNITS if age_s >= u[1]), _UNITS[-1])
    count = int(age_s // length)
    return f"{count} {unit}{'' if count == 1 else 's'}"
