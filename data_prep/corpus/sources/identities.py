"""Which document of a corpus a listed one is. Pure.

A document keeps the id that the ledger has for it; a new one is called as its source calls it. Where that
name belongs to a document of another source, it gets the name of its folder in front, the same one at every
ingest. A file that two sources list is one document. Records name themselves: where two sources use one
id, the later record is a failure, because renaming it would break what refers to it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cluster.keys import content_id
from data_prep.corpus.ledger import Entries, Entry
from data_prep.documents.listed import Failure, Listing, Source
from data_prep.documents.records.fields import MAX_ID_BYTES
from data_prep.documents.uris import S3

_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Identified:
    """Listings with the ids of the ledger; `renamed` gives the id at the source where it is another."""

    listings: Mapping[str, Listing]
    renamed: Mapping[str, str]


def identify(known: Entries, listings: Mapping[str, Listing]) -> Identified:
    """Give every listed document its id; earlier locations choose before later ones."""
    taken = dict(known)
    found: dict[str, Listing] = {}
    renamed: dict[str, str] = {}
    for location, listing in listings.items():
        names = _Names(taken, location, listing)
        items = [(item, names.of(item)) for item in listing.items]
        named = [_named(item, name, taken) for item, name in items]
        renamed |= {name: item.doc_id for item, name in items if name != item.doc_id}
        sources = tuple(item for item in named if isinstance(item, Source))
        failures = tuple(item for item in named if isinstance(item, Failure))
        found[location] = replace(listing, sources=sources, failures=failures)
        for item in named:
            if item.doc_id not in taken or taken[item.doc_id].state == "deleted":
                taken[item.doc_id] = Entry(item.doc_id, item.uri, "", "failed", sources=(location,))
    return Identified(found, renamed)


class _Names:
    """The ids of the documents that one location lists."""

    def __init__(self, known: Entries, location: str, listing: Listing) -> None:
        self._location = location
        self._alive = {name: entry for name, entry in known.items() if entry.state != "deleted"}
        items = listing.items
        self._listed = {item.doc_id for item in items}
        self._mine: dict[str, str] = {}
        self._others: dict[str, str] = {}
        for name, entry in self._alive.items():
            (self._mine if self._is_mine(entry) else self._others).setdefault(entry.uri, name)
        files = (item for item in items if not _is_record(item))
        self._used = {self._mine[item.uri] for item in files if item.uri in self._mine}

    def of(self, item: Source | Failure) -> str:
        """The id in the ledger."""
        name = self._record(item) if isinstance(item, Source) and _is_record(item) else ""
        name = name or self._file(item)
        self._used.add(name)
        return name

    def _record(self, record: Source) -> str:
        """The id that a record has itself; empty where it belongs to another source."""
        entry = self._alive.get(record.doc_id)
        if entry is None or self._is_mine(entry) or _is_same(record, entry):
            return record.doc_id
        return ""

    def _file(self, item: Source | Failure) -> str:
        if not _is_record(item):
            name = self._mine.get(item.uri) or self._others.get(item.uri)
            if name is not None:
                return name
        if self._is_free(item.doc_id) and not _is_record(item):
            return item.doc_id
        return next(name for name in self._candidates(item) if self._may_take(name))

    def _candidates(self, item: Source | Failure) -> Iterator[str]:
        folder = _folder(self._location, item.doc_id)
        for prefix in (folder, f"{folder}-{content_id(self._location, length=6)}"):
            if len(f"{prefix}/{item.doc_id}".encode()) <= MAX_ID_BYTES:
                yield f"{prefix}/{item.doc_id}"
        yield content_id(self._location, item.doc_id, item.uri)

    def _may_take(self, name: str) -> bool:
        return name not in self._listed and self._is_free(name)

    def _is_free(self, name: str) -> bool:
        entry = self._alive.get(name)
        return name not in self._used and (entry is None or self._is_mine(entry))

    def _is_mine(self, entry: Entry) -> bool:
        return self._location in entry.sources or not entry.sources


def _named(item: Source | Failure, name: str, known: Entries) -> Source | Failure:
    """The item under its id in the ledger; a record that had to be renamed is a failure."""
    if name == item.doc_id:
        return item
    if not isinstance(item, Source) or not _is_record(item):
        return replace(item, doc_id=name)
    owner = known[item.doc_id].sources[0]
    reason = (
        f"its id {item.doc_id!r} is used by source {owner}; give the records of one source ids of "
        "their own, or ingest them into another corpus"
    )
    return Failure(name, item.uri, reason)


def _is_record(item: Source | Failure) -> bool:
    return isinstance(item, Source) and item.format == "record"


def _is_same(record: Source, entry: Entry) -> bool:
    """Whether a record of two sources is one: of one file, or named by its title and text."""
    return entry.uri == record.uri or not record.id_column


def _folder(location: str, doc_id: str) -> str:
    """The last folder that a location names."""
    parts = [part for part in location.removeprefix(S3).split("/") if part]
    plain = next((n for n, part in enumerate(parts) if _MAGIC & set(part)), len(parts))
    if plain == len(parts) and parts and doc_id.partition(":")[0] == parts[-1]:
        plain -= 1  # the location is a single file
    return parts[plain - 1] if plain > 0 else "source"
