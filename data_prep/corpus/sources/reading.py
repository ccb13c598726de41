"""Lists what a corpus is made of: the place to ingest, and the others where they must be read again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cluster.errors import InputError, NotFoundError
from cluster.session import Session
from data_prep.corpus.generations import read_sources
from data_prep.corpus.index import Base, find_base, live_generation
from data_prep.corpus.ledger import Entries, Ledger, read_snapshot
from data_prep.corpus.plan import Plan, make_plan, make_retry
from data_prep.corpus.sources.identities import identify
from data_prep.corpus.sources.origins import Origin, with_origin
from data_prep.documents.listed import Listing
from data_prep.documents.sources import list_sources

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """What a run is about to do to a corpus: `plan` on top of `base`; `known` is searched until then.

    `base` is None for a first build. `listings` are what was listed for it, with the ids of the ledger.
    """

    base: Base | None
    known: Entries
    origins: tuple[Origin, ...]
    listings: Mapping[str, Listing]
    renamed: Mapping[str, str]
    plan: Plan

    @property
    def is_rebuild(self) -> bool:
        """Whether all sources are read again, because chunker or embedder are others."""
        return bool(self.known) and not (self.base and self.base.is_live)


def list_origin(session: Session, origin: Origin) -> Listing:
    """What an origin holds now; raises as `list_sources`."""
    columns = {"text_column": origin.text_column, "id_column": origin.id_column}
    settings = session.settings.ingest.model_copy(update=columns)
    with session.console.progress("list", None, "files") as progress:
        seen = 0

        def report(files: int, size: int) -> None:
            nonlocal seen
            progress.note(f"{size / _MIB:.1f} MiB")
            progress.advance(files - seen)
            seen = files

        return list_sources(origin.location, settings, session.settings.store, report)


def plan_ingest(
    session: Session, corpus: str, origin: Origin, listing: Listing, alone: bool
) -> Change:
    """Bring the documents of `origin` to its listing; `alone` leaves no other source in the corpus.

    With another chunker or embedder than before all sources are read again; InputError when one is gone.
    """
    base = find_base(session.store, session.settings, corpus)
    ledger = _ledger(session, corpus, base)
    origins = with_origin(() if alone else ledger.origins, origin)
    is_live = base is not None and base.is_live
    listings = {
        known.location: listing if known is origin else _list_again(session, corpus, known)
        for known in origins
        if known is origin or not is_live
    }
    kept = {known.location for known in origins} - listings.keys()
    known = _of_location(ledger.entries, origin.location) if alone else ledger.entries
    found = identify(known, listings)
    before = base.entries if base else {}
    plan = make_plan(before, found.listings, kept, known=ledger.entries)
    origins = tuple(_read_now(known, listings.get(known.location)) for known in origins)
    return Change(base, ledger.entries, origins, found.listings, found.renamed, plan)


def plan_retry(session: Session, corpus: str, base: Base) -> Change:
    """Try again what failed, each document from its own source; sources without failures are not listed."""
    failed = [entry for entry in base.entries.values() if entry.state == "failed"]
    wanted = {location for entry in failed for location in entry.sources}
    read = [origin for origin in base.origins if origin.location in wanted]
    listings = {o.location: _list_again(session, corpus, o) for o in read}
    kept = {origin.location for origin in base.origins} - listings.keys()
    found = identify(base.entries, listings)
    plan = make_retry(base.entries, found.listings, kept)
    return Change(base, base.entries, base.origins, found.listings, {}, plan)


def _list_again(session: Session, corpus: str, origin: Origin) -> Listing:
    try:
        return list_origin(session, origin)
    except InputError as error:
        raise InputError(
            f"source {origin.location} of corpus {corpus!r} has to be read again, and cannot be: {error}. "
            "Put it back; or leave its documents out: "
            f"`openbook corpus sources remove {corpus} {origin.location}`, or `openbook ingest SOURCE "
            f"--corpus {corpus} --replace` to keep the documents of SOURCE alone"
        ) from error


def _ledger(session: Session, corpus: str, base: Base | None) -> Ledger:
    """What is searched now, also where an ingest cannot build on it."""
    if base is not None and base.is_live:
        return Ledger(base.entries, base.origins)
    live = live_generation(session.corpora, corpus)
    if live is None:
        return Ledger()
    try:
        return read_snapshot(session.store, corpus, live.generation)
    except NotFoundError:
        return Ledger({}, read_sources(session.store, corpus, live.generation))


def _of_location(entries: Entries, location: str) -> Entries:
    return {name: entry for name, entry in entries.items() if location in entry.sources}


def _read_now(origin: Origin, listing: Listing | None) -> Origin:
    """The origin with the time and what was left out, where it was read."""
    if listing is None:
        return origin
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(origin, ingested=now, ignored=dict(listing.ignored))
