"""A small corpus with facts for a teacher, published without Milvus, and sessions that ask about it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.console import Console
from cluster.corpora import Corpora
from cluster.objects import open_store
from cluster.records import Chunk
from cluster.session import Session
from cluster.settings import Settings, StoreSettings
from data_prep.corpus.generations import publish_generation
from data_prep.corpus.tables import chunk_table

CORPUS, GENERATION, MODEL = "plant", "i-1", "wise"


def chunk(number: int, per_document: int = 2) -> Chunk:
    """Two facts about pump `number`."""
    text = (
        f"Notes about pump P{number:03d}x.\n"
        f"The pump P{number:03d}x moves {1000 + number} litres of water in a minute.\n"
        f"The motor of pump P{number:03d}x draws {5000 + number} watts from the mains."
    )
    doc = f"doc{number // per_document:03d}.md"
    return Chunk(f"c{number:03d}", doc, doc, f"Pump {number}", text, None, 0, len(text), 40)


def publish_corpus(settings: Settings, count: int) -> None:
    """A live generation of `count` chunks."""
    chunks = [chunk(number) for number in range(count)]
    manifest: dict[str, Any] = {
        "corpus": CORPUS, "generation": GENERATION, "collection": "c", "chunker": {},
        "embedder": "none", "dimension": 8, "documents": count // 2, "chunks": count,
    }  # fmt: skip
    store = open_store(settings)
    publish_generation(store, chunk_table(chunks), manifest)
    Corpora(store).move_live(CORPUS, GENERATION, None)


def taught(home: Path, url: str, store: StoreSettings | None = None, **teacher: Any) -> Session:
    """A session whose teacher is at `url`; without waits between attempts."""
    values: Mapping[str, Any] = {
        "url": url, "model": MODEL, "questions_per_chunk": 2, "retry_wait_s": 0.0,
        "concurrency": 4, **teacher,
    }  # fmt: skip
    settings = Settings.model_validate({"home": home, "teacher": values})
    if store is not None:
        settings = settings.model_copy(update={"store": store})
    return Session(settings, Console(quiet=True))
