"""What an ingest has to do: the ledger against the source. Pure.

`make_plan` decides which documents to parse; `settle` turns the outcomes of parsing into the next
ledger and the generation's id. The id follows from the documents, so the same documents give the
same generation whatever the history.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from cluster.keys import content_id
from data_prep.corpus.ledger import Entries, Entry
from data_prep.documents.formats.notices import Notice
from data_prep.documents.listed import Failure, Listing, Source

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
    """`parse` must be parsed; `settled` are the entries that are final without parsing.

    `sources` are the locations that list each of `parse`; `gone` the documents that are searched until now
    and are at their sources no more.
    """

    parse: tuple[Source, ...]
    settled: Entries
    before: Entries
    unchanged: int
    gone: tuple[Entry, ...]
    sources: Mapping[str, tuple[str, ...]]

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


@dataclass(frozen=True, slots=True)
class _Claim:
    """A document that was listed now: `item` is as the first of its `sources` has it."""

    item: Source | Failure
    sources: tuple[str, ...]
    by_owner: bool


def make_plan(
    before: Entries,
    listings: Mapping[str, Listing],
    kept: Collection[str] = (),
    *,
    retry: bool = False,
    known: Entries | None = None,
) -> Plan:
    """Compare sources with the ledger of the generation it builds on (empty: a first build).

    `listings` are what each location holds now, with the ids of the ledger; what is listed only by the
    locations in `kept` stays as it is, all else is gone. `retry` parses also what failed before with the
    same content. `known` is what is searched until now, where that is not `before`.
    """
    parse: list[Source] = []
    settled: dict[str, Entry] = {}
    unchanged = 0
    claims = _claims(before, listings, kept)
    for doc_id, claim in claims.items():
        entry = before.get(doc_id)
        found = _without_parsing(claim, entry, retry)
        if isinstance(found, Source):
            parse.append(found)
        else:
            unchanged += found.state == "indexed"
            settled[doc_id] = _of_sources(found, claim.sources)
    for doc_id, entry in before.items():
        if doc_id in claims:
            continue
        if (stays := _staying(entry, _holders(entry, listings, kept))) is not None:
            unchanged += stays.state == "indexed"
            settled[doc_id] = stays
    searched = before if known is None else known
    gone = tuple(
        entry
        for doc_id, entry in searched.items()
        if entry.indexed_hash and doc_id not in claims and not _holders(entry, listings, kept)
    )
    sources = {source.doc_id: claims[source.doc_id].sources for source in parse}
    return Plan(tuple(parse), settled, before, unchanged, gone, sources)


def make_retry(
    before: Entries, listings: Mapping[str, Listing], kept: Collection[str] = ()
) -> Plan:
    """Try again what failed, and nothing else: other documents stay as the ledger has them."""
    failed = {doc_id: entry for doc_id, entry in before.items() if entry.state == "failed"}
    listed = {
        location: Listing(
            tuple(source for source in listing.sources if source.doc_id in failed),
            tuple(failure for failure in listing.failures if failure.doc_id in failed),
            unseen=listing.unseen,
        )
        for location, listing in listings.items()
    }
    plan = make_plan(failed, listed, kept, retry=True)
    rest = {doc_id: entry for doc_id, entry in before.items() if doc_id not in failed}
    unchanged = plan.unchanged + sum(entry.state == "indexed" for entry in rest.values())
    settled = {**rest, **plan.settled}
    return replace(plan, settled=settled, before=before, unchanged=unchanged)


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
            failed = _failed(failure, entry, tried=True)
            entries[source.doc_id] = _of_sources(failed, plan.sources[source.doc_id])
            continue
        was_indexed = entry is not None and bool(entry.indexed_hash)
        added, changed = added + (not was_indexed), changed + was_indexed
        fresh.add(source.doc_id)
        indexed = _indexed(source, outcome, entry)
        entries[source.doc_id] = _of_sources(indexed, plan.sources[source.doc_id])
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
        "deleted": len(plan.gone),
        "failed": sum(entry.state == "failed" for entry in entries.values()),
    }
    return Settled(generation, stamped, frozenset(searched - fresh), counts)


def _claims(
    before: Entries, listings: Mapping[str, Listing], kept: Collection[str]
) -> dict[str, _Claim]:
    """What is listed now, once each: a document belongs to the source that had it first."""
    items: dict[str, dict[str, Source | Failure]] = {}
    for location, listing in listings.items():
        for item in listing.items:
            items.setdefault(item.doc_id, {})[location] = item
    claims = {}
    for doc_id, listed in items.items():
        entry = before.get(doc_id)
        had = entry.sources if entry is not None and entry.state != "deleted" else ()
        stays = [location for location in had if location in listed or location in kept]
        sources = tuple(dict.fromkeys([*stays, *listed]))
        by_owner = sources[0] in listed
        item = listed[sources[0]] if by_owner else next(iter(listed.values()))
        claims[doc_id] = _Claim(item, sources, by_owner)
    return claims


def _without_parsing(claim: _Claim, entry: Entry | None, retry: bool) -> Source | Entry:
    """What becomes of a listed document; the source itself where it must be parsed."""
    item = claim.item
    if isinstance(item, Failure):
        return _failed(item, entry, retry)
    if entry is None:
        return item
    if entry.indexed_hash and not claim.by_owner and entry.uri != item.uri:
        return entry  # another source's record of the same title and text
    if entry.indexed_hash == item.content_hash:
        return _searched(entry)
    return entry if _failed_already(entry, item) and not retry else item


def _holders(
    entry: Entry, listings: Mapping[str, Listing], kept: Collection[str]
) -> tuple[str, ...]:
    """The sources that may still hold a document which was not listed now.

    Those that stay as they are, and those that could not look where it was.
    """
    return tuple(
        name
        for name in entry.sources
        if name in kept or (name in listings and entry.uri.startswith(listings[name].unseen))
    )


def _staying(entry: Entry, holders: tuple[str, ...]) -> Entry | None:
    """The entry of a document that was not listed now; None where nothing remains of it."""
    if entry.state == "deleted":
        return entry
    if holders:
        return _of_sources(entry, holders)
    return _deleted(entry) if entry.indexed_hash else None


def _of_sources(entry: Entry, sources: tuple[str, ...]) -> Entry:
    return entry if entry.sources == sources else replace(entry, sources=sources)


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
        notices=outcome.notices,
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
            notices=before.notices,
        )
    same = replace(entry, generation=before.generation, sources=before.sources)
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


def _deleted(entry: Entry) -> Entry:
    return replace(entry, state="deleted", reason="", indexed_hash="", chunks=0, notices=())
