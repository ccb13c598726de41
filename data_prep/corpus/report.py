"""What a change of a corpus did, or would do, as plain values for scripts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_prep.corpus.build import Built
from data_prep.corpus.ledger import Entries, Entry, count_notices
from data_prep.corpus.sources.reading import Change
from data_prep.documents.listed import Source

_EXAMPLES = 3


def report_built(corpus: str, change: Change, built: Built, retrieval: str) -> dict[str, Any]:
    """The report of design §9 of a change that is live.

    `failures` and `noticed` are those of the whole corpus; `gone` is what was deleted, by source.
    """
    listed = sorted(built.settled.entries.values(), key=lambda entry: entry.doc_id)
    gone = count_gone(change.plan.gone)
    undo = {"undo": f"openbook corpus rollback {corpus}"} if gone and built.can_undo else {}
    return {
        "corpus": corpus,
        "generation": built.settled.generation,
        "rebuild": change.is_rebuild,
        "documents": dict(built.settled.counts),
        "chunks": {"written": built.written, "total": built.generation.chunks},
        "retrieval": retrieval,
        "failures": [_failure(entry) for entry in listed if entry.state == "failed"],
        "notices": count_notices(listed),
        "noticed": list_notices(listed),
        "sources": [origin.location for origin in change.origins],
        "gone": gone,
        **undo,
        "renamed": _renamed(change, built.settled.entries),
        "copies": _copies(change),
        "ignored": _ignored(change),
    }


def report_planned(corpus: str, change: Change) -> dict[str, Any]:
    """What an ingest would do, as far as a listing tells: what cannot be parsed is not known."""
    plan = change.plan
    failed = [entry for entry in plan.settled.values() if entry.state == "failed"]
    by_source: dict[str, dict[str, list[Any]]] = {}

    def add(sources: Sequence[str], what: str, value: Any) -> None:
        location = sources[0] if sources else "unknown"
        empty: dict[str, list[Any]] = {"added": [], "changed": [], "deleted": [], "failed": []}
        by_source.setdefault(location, empty)[what].append(value)

    for source in plan.parse:
        add(plan.sources[source.doc_id], _verb(source, plan.before), source.doc_id)
    for entry in plan.gone:
        add(entry.sources, "deleted", entry.doc_id)
    for entry in failed:
        add(entry.sources, "failed", _failure(entry))
    changed = sum(_verb(source, plan.before) == "changed" for source in plan.parse)
    return {
        "corpus": corpus,
        "dry_run": True,
        "rebuild": change.is_rebuild,
        "documents": {
            "added": len(plan.parse) - changed,
            "changed": changed,
            "unchanged": plan.unchanged,
            "deleted": len(plan.gone),
            "failed": len(failed),
        },
        "sources": [{"location": name, **found} for name, found in by_source.items()],
        "renamed": _renamed(change, change.plan.settled),
        "copies": _copies(change),
        "ignored": _ignored(change),
    }


def list_notices(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Every notice with its document."""
    return [
        {"doc_id": entry.doc_id, "uri": entry.uri, "kind": notice.kind, "text": notice.text}
        for entry in entries
        for notice in entry.notices
    ]


def count_gone(gone: Sequence[Entry]) -> list[dict[str, Any]]:
    """How many documents each source lost, with some of their ids."""
    names: dict[str, list[str]] = {}
    for entry in gone:
        for location in entry.sources[:1] or ("unknown",):
            names.setdefault(location, []).append(entry.doc_id)
    return [
        {"source": location, "documents": len(ids), "examples": sorted(ids)[:_EXAMPLES]}
        for location, ids in names.items()
    ]


def _failure(entry: Entry) -> dict[str, str]:
    return {"doc_id": entry.doc_id, "uri": entry.uri, "reason": entry.reason}


def _verb(source: Source, before: Entries) -> str:
    entry = before.get(source.doc_id)
    return "changed" if entry is not None and entry.indexed_hash else "added"


def _renamed(change: Change, entries: Entries) -> list[dict[str, str]]:
    """New documents whose names belong to other sources."""
    fresh = [name for name in change.renamed if name not in change.known]
    return [
        {"doc_id": name, "name": change.renamed[name], "uri": entries[name].uri}
        for name in fresh
        if name in entries and entries[name].state != "failed"
    ]


def _copies(change: Change) -> list[dict[str, Any]]:
    """Sources that hold the same bytes as documents that are new: perhaps a folder that moved."""
    owners = {
        entry.indexed_hash: entry.sources[0]
        for name, entry in change.known.items()
        if entry.indexed_hash and entry.sources
    }
    locations = {origin.location for origin in change.origins}
    found: Counter[str] = Counter()
    for source in change.plan.parse:
        owner = owners.get(source.content_hash)
        is_new = source.doc_id not in change.known
        if is_new and owner in locations - set(change.plan.sources[source.doc_id]):
            found[str(owner)] += 1
    return [{"source": location, "documents": n} for location, n in found.most_common()]


def _ignored(change: Change) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for listing in change.listings.values():
        total.update(listing.ignored)
    return dict(total.most_common())
