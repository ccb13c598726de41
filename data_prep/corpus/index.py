"""An index: chunker + embedder + row schema, what makes vectors comparable; it names a collection.

All generations of a corpus with one index share its collection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.corpora import Corpora, Generation
from cluster.errors import NotFoundError
from cluster.keys import collection_name, content_id
from cluster.models import model_id
from cluster.objects import ObjectStore
from cluster.rows import ROW_SCHEMA
from cluster.settings import IngestSettings, Settings
from data_prep.corpus.chunk import describe_chunker
from data_prep.corpus.ledger import Entry, read_snapshot
from data_prep.corpus.sources.origins import Origin


@dataclass(frozen=True, slots=True)
class Index:
    """One way to turn the documents of a corpus into vectors."""

    corpus: str
    chunker: Mapping[str, Any]
    embedder: str
    dimension: int

    @property
    def id(self) -> str:
        """12 hex digits; the first half of a generation's id."""
        fingerprint = self.chunker["fingerprint"]
        return content_id(fingerprint, self.embedder, self.dimension, ROW_SCHEMA, length=12)

    @property
    def collection(self) -> str:
        """The Milvus collection of this index."""
        return collection_name(self.corpus, self.id)

    def made(self, generation: Generation) -> bool:
        """Whether a generation was built with this index."""
        return generation.generation.startswith(f"{self.id}-")


@dataclass(frozen=True, slots=True)
class Base:
    """The generation that an ingest builds on, with its ledger."""

    index: Index
    generation: Generation
    entries: Mapping[str, Entry]
    is_live: bool
    origins: tuple[Origin, ...] = ()


def describe_index(settings: Settings, corpus: str, dimension: int) -> Index:
    """The index that the settings mean, for an embedder with vectors of this length."""
    embedder = model_id(settings.models.embedder)
    chunker = describe_chunker(settings.chunk, embedder, _parsing(settings.ingest))
    return Index(corpus, chunker, embedder, dimension)


def _parsing(ingest: IngestSettings) -> dict[str, Any]:
    """What decides how files become text."""
    suffixes = {"suffixes": dict(ingest.suffixes)} if ingest.suffixes else {}
    return {"pdf_parser": ingest.pdf_parser, **suffixes}


def live_generation(corpora: Corpora, corpus: str) -> Generation | None:
    """What queries see now; None for a new corpus."""
    try:
        return corpora.live(corpus)
    except NotFoundError:
        return None


def find_base(store: ObjectStore, settings: Settings, corpus: str) -> Base | None:
    """The live generation if it has our index, else the newest that has; None for a first build.

    The dimension comes from the generation's manifest, so no model is loaded to find out.
    """
    corpora = Corpora(store)
    live = live_generation(corpora, corpus)
    if live is None:
        return None
    for generation in (live, *corpora.generations(corpus)):
        index = describe_index(settings, corpus, generation.dimension)
        if index.made(generation):
            try:
                ledger = read_snapshot(store, corpus, generation.generation)
            except NotFoundError:
                return None  # without its ledger we know too little: build again from the source
            is_live = generation == live
            return Base(index, generation, ledger.entries, is_live, ledger.origins)
    return None
