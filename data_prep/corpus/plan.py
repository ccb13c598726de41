"""What an ingest has to do: the ledger against the source. Pure.

`make_plan` decides which documents to parse; `settle` turns the outcomes of parsing into the next
ledger and the generation's id. The id follows from the documents, so the same documents give the
same generation whatever the history.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cluster.keys import content_id
from data_prep.corpus.ledger import Entries, Entry
from data_prep.documents.formats.parsed import Notice
from data_prep.documents.sources import Failure, Listing, Source

_KEPT = "; the version indexed before is still searched"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What parsing and chunking made of a source: chunks, or a reason why there are none.

    `content_hash` is empty when the bytes could not be read: such a document is tried again. `notices` say
    what of an indexed document is not searched, or not as it was meant.
    """

    doc_id: str
    content_hash: str
    chunks: int
    reason: str = ""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """`parse` must be parsed; `settled` are the entries that are final without parsing."""

    parse: tuple[Source, ...]
    settled: Entries
    before: Entries
    unchanged: int
    deleted: int

    @property
    def is_noop(self) -> bool:
        """Whether the ledger already says all this."""
        return not self.parse and self.settled == self.before


@dataclass(frozen=True, slots=True)
class Settled:
    """The ledger of the next generation; `carried` documents keep the chunks they have."""

    generation: str
    entries: Entries
    carried: frozenset[str]
    counts: Mapping[str, int]


def make_plan(before: Entries, listing: Listing, retry: bool = False) -> Plan:
    """Compare the source with the ledger of the generation it builds on (empty: a first build).

    `retry` parses also what failed before with the same content.
    """
    parse: list[Source] = []
    settled: dict[str, Entry] = {}
    unchanged = 0
    for source in listing.sources:
        entry = before.get(source.doc_id)
        if entry is not None and entry.indexed_hash == source.content_hash:
            unchanged += 1
            settled[source.doc_id] = _searched(entry)
        elif entry is not None and _failed_already(entry, source) and not retry:
            settled[source.doc_id] = entry
        else:
            parse.append(source)
    for failure in listing.failures:
        settled[failure.doc_id] = _failed(failure, before.get(failure.doc_id), retry)
    present = settled.keys() | {source.doc_id for source in parse}
    missing = [entry for doc_id, entry in before.items() if doc_id not in present]
    # below a folder that could not be read nothing is known to be gone
    unseen = [entry for entry in missing if entry.uri.startswith(listing.unseen)]
    gone = [entry for entry in missing if not entry.uri.startswith(listing.unseen)]
    settled |= {entry.doc_id: entry for entry in unseen}
    unchanged += sum(bool(entry.indexed_hash) for entry in unseen)
    tombstones = {entry.doc_id: _deleted(entry) for entry in gone if _leaves_tombstone(entry)}
    deleted = sum(bool(entry.indexed_hash) for entry in gone)
    return Plan(tuple(parse), {**settled, **tombstones}, before, unchanged, deleted)


def make_retry(before: Entries, listing: Listing) -> Plan:
    """Try again what failed, and nothing else: other documents stay as the ledger has them."""
    failed = {doc_id: entry for doc_id, entry in before.items() if entry.state == "failed"}
    listed = Listing(
        tuple(source for source in listing.sources if source.doc_id in failed),
        tuple(failure for failure in listing.failures if failure.doc_id in failed),
        unseen=listing.unseen,
    )
    plan = make_plan(failed, listed, retry=True)
    kept = {doc_id: entry for doc_id, entry in before.items() if doc_id not in failed}
    unchanged = plan.unchanged + sum(bool(entry.indexed_hash) for entry in kept.values())
    return Plan(plan.parse, {**kept, **plan.settled}, before, unchanged, plan.deleted)


def settle(plan: Plan, outcomes: Iterable[Outcome], index: str) -> Settled:
    """The next ledger from the plan and what became of the parsed documents."""
    entries = dict(plan.settled)
    sources = {source.doc_id: source for source in plan.parse}
    added = changed = 0
    fresh = set()
    for outcome in outcomes:
        source, entry = sources[outcome.doc_id], plan.before.get(outcome.doc_id)
        if outcome.reason:
            failure = Failure(source.doc_id, source.uri, outcome.reason, outcome.content_hash)
            entries[source.doc_id] = _failed(failure, entry, tried=True)
            continue
        was_indexed = entry is not None and bool(entry.indexed_hash)
        added, changed = added + (not was_indexed), changed + was_indexed
        fresh.add(source.doc_id)
        entries[source.doc_id] = _indexed(source, outcome, entry)
    generation = f"{index}-{_content(entries)}"
    stamped = {
        doc_id: entry if entry == plan.before.get(doc_id) else replace(entry, generation=generation)
        for doc_id, entry in entries.items()
    }
    searched = {doc_id for doc_id, entry in entries.items() if entry.indexed_hash}
    counts = {
        "added": added,
        "changed": changed,
        "unchanged": plan.unchanged,
        "deleted": plan.deleted,
        "failed": sum(entry.state == "failed" for entry in entries.values()),
    }
    return Settled(generation, stamped, frozenset(searched - fresh), counts)


def _content(entries: Entries) -> str:
    pairs = sorted((e.doc_id, e.indexed_hash) for e in entries.values() if e.indexed_hash)
    return content_id(pairs, length=12)


def _indexed(source: Source, outcome: Outcome, before: Entry | None) -> Entry:
    return Entry(
        doc_id=source.doc_id,
        uri=source.uri,
        content_hash=source.content_hash,
        state="indexed",
        indexed_hash=source.content_hash,
        chunks=outcome.chunks,
        attempts=_attempts(source.content_hash, before, tried=True),
    )


def _failed(failure: Failure, before: Entry | None, tried: bool) -> Entry:
    """A failed entry; equal to the one before when nothing changed."""
    entry = Entry(
        failure.doc_id, failure.uri, failure.content_hash, "failed", failure.reason,
        attempts=_attempts(failure.content_hash, before, tried),
    )  # fmt: skip
    if before is None:
        return entry
    if before.indexed_hash and not failure.withdrawn:
        entry = replace(
            entry,
            reason=failure.reason + _KEPT,
            indexed_hash=before.indexed_hash,
            chunks=before.chunks,
        )
    same = replace(entry, generation=before.generation)
    return same if same == before else entry


def _attempts(content_hash: str, before: Entry | None, tried: bool) -> int:
    """How often this content was tried; a listing that repeats a failure is no attempt."""
    if before is None or before.state != "failed" or before.content_hash != content_hash:
        return 1
    return before.attempts + tried


def _searched(entry: Entry) -> Entry:
    """An entry whose indexed content is what the source holds (again)."""
    if entry.state == "indexed":
        return entry
    return replace(entry, state="indexed", reason="", content_hash=entry.indexed_hash)


def _failed_already(entry: Entry, source: Source) -> bool:
    return entry.state == "failed" and entry.content_hash == source.content_hash


def _leaves_tombstone(entry: Entry) -> bool:
    return bool(entry.indexed_hash) or entry.state == "deleted"


def _deleted(entry: Entry) -> Entry:
    if entry.state == "deleted":
        return entry
    return replace(entry, state="deleted", reason="", indexed_hash="", chunks=0)
