"""Corpora and their generations: which build of an index is live.

A generation is an immutable record `<index>-<content>`: the index (chunker, embedder, row schema)
names the Milvus collection, the content names the documents in it. The live generation is a pointer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.artifacts import read_manifest
from cluster.errors import NotFoundError
from cluster.keys import corpus_prefix, generation_prefix
from cluster.objects import ObjectStore
from cluster.pointers import Pointer


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
        value = self._live(corpus).read()
        if value is None:
            known = ", ".join(self.names()) or "none yet"
            raise NotFoundError(
                f"corpus {corpus!r} does not exist (known: {known}); "
                f"make it with `openbook ingest SOURCE --corpus {corpus}`"
            )
        return self.generation(corpus, value["generation"])

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

    def move_live(self, corpus: str, generation: str, expected: str | None) -> None:
        """Make `generation` live if `expected` still is; ConflictError otherwise."""
        before = {"generation": expected} if expected is not None else None
        self._live(corpus).move({"generation": generation}, before)

    def _live(self, corpus: str) -> Pointer:
        return Pointer(self._store, f"{corpus_prefix(corpus)}/live.json")
