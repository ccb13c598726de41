"""The live generation's text -> a CPT set: packed rows for continued pre-training, no questions needed.

Documents are held out whole, with all that nearly equal them. Two passes over the chunk files: one for
the near duplicates, one that packs; memory holds one signature a document.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from cluster.corpora import Generation
from cluster.errors import InputError
from cluster.keys import content_id, safe_name, seed_of
from cluster.leases import Lease
from cluster.models import base_tokenizer, model_id
from cluster.prompts import PROMPT_HASH
from cluster.records import SPLITS, Chunk, PackedText, Split
from cluster.session import Session
from cluster.settings import CptSettings, Settings
from data_prep.corpus.tables import chunks_of
from data_prep.corpus.texts import document_text, stream_chunks
from data_prep.sets.card import render_cpt_card
from data_prep.sets.duplicates import clusters
from data_prep.sets.histograms import of_numbers
from data_prep.sets.packing import Packer
from data_prep.sets.synth import published

# part of a set's version: count it up when the same inputs would give other rows
RULES = "cpt/1"
_SEED_RANGE = 2**32


@dataclass(frozen=True, slots=True)
class CptOrder:
    """What to build."""

    corpus: str
    dataset: str


class Packing:
    """The rows of a set as a stream, and what was seen on the way."""

    def __init__(self, tokenizer: Any, settings: CptSettings, clusters: Mapping[str, str]) -> None:
        self._settings = settings
        self._clusters = clusters
        self._packers: dict[Split, Packer] = {
            split: Packer(tokenizer, settings.tokens, split) for split in ("train", "validation")
        }
        self.documents = dict.fromkeys(SPLITS, 0)
        self.sizes: dict[Split, list[int]] = {split: [] for split in SPLITS}
        self.example: PackedText | None = None

    def rows(self, documents: Iterator[tuple[str, str]]) -> Iterator[PackedText]:
        """Packed (id, text) documents."""
        for doc_id, text in documents:
            split = self._split_of(doc_id)
            self.documents[split] += 1
            yield from self._seen(self._packers[split].add(doc_id, text))
        for packer in self._packers.values():
            yield from self._seen(packer.finish())

    def _split_of(self, doc_id: str) -> Split:
        place = seed_of("cpt", self._settings.seed, self._clusters[doc_id]) / _SEED_RANGE
        return "validation" if place < self._settings.validation_fraction else "train"

    def _seen(self, rows: Iterator[PackedText]) -> Iterator[PackedText]:
        for row in rows:
            self.sizes[row.split].append(row.tokens)
            self.example = self.example or row
            yield row


def build_cpt(session: Session, order: CptOrder) -> dict[str, Any]:
    """Build and publish the set; returns its report, `examples` being rows.

    Raises NotFoundError for an unknown corpus, InputError for one without text, BusyError when the set
    is being built already.
    """
    started = time.monotonic()
    safe_name("dataset", order.dataset)
    generation = session.corpora.live(order.corpus)
    version = _version(generation, session.settings)
    lock = f"datasets/{order.dataset}/lock"
    with Lease(session.store, lock, f"synth of dataset {order.dataset!r}"):
        manifest = published(session, order.dataset, version)
        unchanged = manifest is not None
        if manifest is None:
            manifest = _build(session, order, generation, version)
    shown = ("dataset", "version", "kind", "corpus", "generation", "documents", "tokens", "fill")
    return {
        **{name: manifest[name] for name in shown},
        "examples": manifest["counts"],
        "rejected": {},
        "unchanged": unchanged,
        "seconds": round(time.monotonic() - started, 3),
    }


def _version(generation: Generation, settings: Settings) -> str:
    parts = (generation.corpus, generation.generation, model_id(settings.models.base), RULES)
    return content_id(settings.cpt.model_dump(), *parts, length=12)


def _build(
    session: Session, order: CptOrder, generation: Generation, version: str
) -> dict[str, Any]:
    settings = session.settings
    tokenizer = base_tokenizer(settings)
    twins = clusters(_documents(session, generation, "compare"), settings.cpt.near_duplicate)
    packing = Packing(tokenizer, settings.cpt, twins)

    def describe() -> tuple[dict[str, Any], str]:
        if packing.example is None:
            raise InputError(f"corpus {order.corpus!r} holds no text: ingest documents first")
        manifest = _manifest(generation, settings, packing)
        return manifest, render_cpt_card(order.dataset, version, manifest, packing.example)

    rows = packing.rows(_documents(session, generation, "pack"))
    return session.datasets.publish_stream(order.dataset, version, rows, describe)


def _documents(session: Session, generation: Generation, label: str) -> Iterator[tuple[str, str]]:
    """(id, text) of every document, one in memory at a time; chunk files keep a document together."""
    with session.console.progress(label, generation.chunks, "chunks") as progress:
        tables = stream_chunks(session.store, generation)
        every = (chunk for table in tables for chunk in chunks_of(table))
        for doc_id, group in groupby(every, key=_doc_id):
            chunks = list(group)
            yield doc_id, document_text(chunks)
            progress.advance(len(chunks))


def _doc_id(chunk: Chunk) -> str:
    return chunk.doc_id


def _manifest(generation: Generation, settings: Settings, packing: Packing) -> dict[str, Any]:
    sizes = packing.sizes
    every = [size for split in SPLITS for size in sizes[split]]
    return {
        "kind": "cpt",
        "corpus": generation.corpus,
        "generation": generation.generation,
        "embedder": generation.embedder,
        "tokenizer": model_id(settings.models.base),
        "prompt_hash": PROMPT_HASH,
        "rules": RULES,
        "settings": {"cpt": settings.cpt.model_dump()},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "counts": {split: len(sizes[split]) for split in SPLITS},
        "documents": packing.documents,
        "tokens": {split: sum(sizes[split]) for split in SPLITS},
        "fill": round(sum(every) / (len(every) * settings.cpt.tokens), 4),
        "histograms": {"tokens of a row": of_numbers(every)},
    }
