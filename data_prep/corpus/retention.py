"""Which generations of a corpus are kept, and the removal of the others.

Kept are the live generation, pinned ones, those that a training set refers to, and the latest
`ingest.keep_generations`. What is about to be removed is first written down as condemned in the same
object as the pins, by compare-and-swap, so a pin and a removal cannot both win. A collection goes
before the manifests that name it, and a manifest before its files, so a killed removal is found and
finished by the next.
"""

import json
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.artifacts import MANIFEST
from cluster.corpora import Generation
from cluster.errors import ConflictError, NotFoundError
from cluster.keys import collection_name, corpus_prefix, generation_prefix
from cluster.pointers import Pointer
from cluster.session import Session
from data_prep.corpus.ledger import ledger_key

_TRIES = 10


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a removal does: `kept` generations with the reasons, the `removed` and their `collections`."""

    kept: Mapping[str, tuple[str, ...]]
    removed: tuple[str, ...]
    collections: tuple[str, ...]


class Retention:
    """The generations of one corpus. `collect` and `drop_abandoned` need its lease."""

    def __init__(self, session: Session, corpus: str) -> None:
        self._session = session
        self._store = session.store
        self._corpus = corpus
        self._pointer = Pointer(self._store, f"{corpus_prefix(corpus)}/retention.json")

    def pinned(self) -> frozenset[str]:
        """Generations that stay until they are unpinned."""
        return frozenset((self._pointer.read() or {}).get("pinned", ()))

    def pin(self, generation: str) -> None:
        """Keep a generation; NotFoundError when it does not exist or is being removed."""
        self._session.corpora.generation(self._corpus, generation)

        def add(pinned: set[str], condemned: set[str]) -> None:
            if generation in condemned:
                raise NotFoundError(
                    f"generation {generation!r} of corpus {self._corpus!r} is being removed"
                )
            pinned.add(generation)

        self._change(add)

    def unpin(self, generation: str) -> None:
        """Let a generation go when retention removes it; no error when it was not pinned."""
        self._change(lambda pinned, condemned: pinned.discard(generation))

    def plan(self) -> Sweep:
        """What `collect` would do now."""
        live = self._session.corpora.pointer(self._corpus)
        return choose(
            self._session.corpora.generations(self._corpus),
            [live.generation, *live.history] if live else [],
            self.pinned(),
            self.users(),
            self._session.settings.ingest.keep_generations,
        )

    def collect(self) -> Sweep:
        """Remove what `plan` says, and what a killed ingest or removal left."""
        sweep = self._condemn()
        for collection in sweep.collections:
            self._session.vectors.drop(collection)
        for generation in sweep.removed:
            self._store.delete(f"{generation_prefix(self._corpus, generation)}/{MANIFEST}")
        self._delete_orphans(set(sweep.kept))
        if (self._pointer.read() or {}).get("condemned"):
            self._change(lambda pinned, condemned: condemned.clear())
        return sweep

    def drop_abandoned(self) -> None:
        """Drop collections of builds that were started with other settings and never finished."""
        staged = self._names("staging")
        used = {g.collection for g in self._session.corpora.generations(self._corpus)}
        for index in staged:
            collection = collection_name(self._corpus, index)
            if collection not in used:
                self._session.vectors.drop(collection)

    def users(self) -> dict[str, list[str]]:
        """Generation -> training sets (`name@version`) that were made from it."""
        found: dict[str, list[str]] = {}
        for key in self._store.list("datasets"):
            _, name, *rest = key.split("/")
            if rest[1:] == [MANIFEST]:
                manifest = json.loads(self._store.get(key))
                if manifest.get("corpus") == self._corpus:
                    found.setdefault(manifest["generation"], []).append(f"{name}@{rest[0]}")
        return found

    def _condemn(self) -> Sweep:
        plans = [self.plan()]

        def choose(pinned: set[str], condemned: set[str]) -> None:
            plans.append(self.plan())
            condemned.clear()
            condemned.update(set(plans[-1].removed) - pinned)

        if plans[0].removed:
            self._change(choose)
        return plans[-1]

    def _delete_orphans(self, kept: set[str]) -> None:
        prefix = corpus_prefix(self._corpus)
        for name in self._names("generations") - kept:
            for key in list(self._store.list(generation_prefix(self._corpus, name))):
                self._store.delete(key)
        for key in list(self._store.list(f"{prefix}/ledger")):
            name = key.rsplit("/", 1)[1].removesuffix(".parquet")
            if name not in kept:
                self._store.delete(ledger_key(self._corpus, name))

    def _names(self, folder: str) -> set[str]:
        prefix = f"{corpus_prefix(self._corpus)}/{folder}"
        return {key.removeprefix(f"{prefix}/").split("/")[0] for key in self._store.list(prefix)}

    def _change(self, change: Callable[[set[str], set[str]], Any]) -> None:
        """Compare-and-swap of the pins and the condemned, again when somebody was faster."""
        for attempt in range(1, _TRIES + 1):
            before = self._pointer.read()
            pinned = set((before or {}).get("pinned", ()))
            condemned = set((before or {}).get("condemned", ()))
            change(pinned, condemned)
            value = {"pinned": sorted(pinned), "condemned": sorted(condemned)}
            try:
                return self._pointer.move(value, before)
            except ConflictError:
                if attempt == _TRIES:
                    raise
        return None


def choose(
    generations: Sequence[Generation],
    order: Sequence[str],
    pinned: Container[str],
    users: Container[str],
    keep: int,
) -> Sweep:
    """What is kept of `generations` (newest first); `order` is the live one and those before it."""
    names = [g.generation for g in generations]
    ranked = [n for n in order if n in names] + [n for n in names if n not in order]
    kept: dict[str, tuple[str, ...]] = {}
    for position, name in enumerate(ranked):
        checks = {
            "live": name in order[:1],
            "pinned": name in pinned,
            "used by training sets": name in users,
            "recent": position < keep,
        }
        if any(checks.values()):
            kept[name] = tuple(why for why, holds in checks.items() if holds)
    gone = [g for g in generations if g.generation not in kept]
    used = {g.collection for g in generations if g.generation in kept}
    collections = sorted({g.collection for g in gone} - used)
    return Sweep(kept, tuple(g.generation for g in gone), tuple(collections))
