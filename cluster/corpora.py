"""Corpora and their generations: which build of an index is live.

A generation is an immutable record `<index>-<content>`: the index (chunker, embedder, row schema)
names the Milvus collection, the content names the documents in it. The live generation is a pointer
that remembers which ones were live before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.artifacts import read_manifest
from cluster.errors import ConflictError, NotFoundError
from cluster.keys import corpus_prefix, generation_prefix
from cluster.objects import ObjectStore
from cluster.pointers import Pointer

_REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class Generation:
    """What a reader needs to search one build of a corpus."""

    corpus: str
    generation: str
    collection: str
    chunker: Mapping[str, Any]
    embedder: str
    dimension: int
    documents: int
    chunks: int
    created: str


@dataclass(frozen=True, slots=True)
class Live:
    """The live pointer: `history` was live before, the latest first.

    Not `settled` means that the collection may still hold chunks of the generation before.
    """

    generation: str
    history: tuple[str, ...] = ()
    settled: bool = True


class Corpora:
    """The corpora of one object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def names(self) -> list[str]:
        """Corpora that have a live generation."""
        keys = self._store.list("corpora")
        return sorted({key.split("/")[1] for key in keys if key.endswith("/live.json")})

    def live(self, corpus: str) -> Generation:
        """The generation that queries see; NotFoundError lists the known corpora."""
        pointer = self.pointer(corpus)
        if pointer is None:
            known = ", ".join(self.names()) or "none yet"
            raise NotFoundError(
                f"corpus {corpus!r} does not exist (known: {known}); "
                f"make it with `openbook ingest SOURCE --corpus {corpus}`"
            )
        return self.generation(corpus, pointer.generation)

    def pointer(self, corpus: str) -> Live | None:
        """What the live pointer holds; None for an unknown corpus."""
        value = self._pointer(corpus).read()
        return None if value is None else _live(value)

    def generation(self, corpus: str, generation: str) -> Generation:
        """One build by its id."""
        manifest = read_manifest(self._store, generation_prefix(corpus, generation))
        if manifest is None:
            known = ", ".join(g.generation for g in self.generations(corpus)) or "none"
            raise NotFoundError(
                f"corpus {corpus!r} has no generation {generation!r} (known: {known})"
            )
        return Generation(**{name: manifest[name] for name in Generation.__slots__})

    def generations(self, corpus: str) -> list[Generation]:
        """Complete builds, newest first."""
        prefix = f"{corpus_prefix(corpus)}/generations"
        manifests = [key for key in self._store.list(prefix) if key.endswith("/manifest.json")]
        found = [self.generation(corpus, key.split("/")[-2]) for key in manifests]
        return sorted(found, key=lambda g: (g.created, g.generation), reverse=True)

    def move_live(
        self, corpus: str, generation: str, expected: str | None, *, back: bool = False
    ) -> None:
        """Make `generation` live, not yet settled, if `expected` still is; else ConflictError.

        `back` takes it and what was live after it out of the history: rolling back again goes further.
        """
        before = self._pointer(corpus).read()
        live = _live(before) if before else None
        if (live.generation if live else None) != expected:
            raise ConflictError(
                f"corpus {corpus!r}: generation {live.generation if live else None} is live, expected "
                f"{expected}; somebody else moved it: run the command again"
            )
        history = _history(live, generation, back) if live else []
        value = {"generation": generation, "history": history, "settled": False}
        self._pointer(corpus).move(value, before)

    def settle_live(self, corpus: str, generation: str) -> None:
        """Note that the collection of the live generation holds exactly its chunks."""
        value = self._pointer(corpus).read()
        if value is None or value["generation"] != generation:
            raise ConflictError(f"corpus {corpus!r}: generation {generation} is not live any more")
        self._pointer(corpus).move({**value, "settled": True}, value)

    def forget(self, corpus: str) -> None:
        """Remove the live pointer: for readers the corpus does not exist any more."""
        self._store.delete(self._pointer(corpus).key)

    def _pointer(self, corpus: str) -> Pointer:
        return Pointer(self._store, f"{corpus_prefix(corpus)}/live.json")


def _live(value: Mapping[str, Any]) -> Live:
    history = tuple(value.get("history", ()))
    return Live(value["generation"], history, value.get("settled", True))


def _history(live: Live, generation: str, back: bool) -> list[str]:
    before = list(live.history)
    if generation == live.generation:
        return before
    if back and generation in before:
        return before[before.index(generation) + 1 :]
    return [live.generation, *(name for name in before if name != live.generation)][:_REMEMBERED]
