"""Ingest against embedding alone, and a second time: python -m tests.bench.ingest [documents] [actors]

Wall time of one run each, so it wants a quiet machine. "Embedding alone" is the same embedder over the
same chunk texts in this process with all processors; the ingest includes Ray's start, parsing, chunking,
Milvus and everything durable.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import torch

from cluster.console import Console
from cluster.session import Session
from cluster.settings import IngestSettings, RaySettings, Settings
from data_prep.corpus.chunk import titled
from data_prep.corpus.generations import read_chunks
from data_prep.corpus.ingest import ingest
from tests.bench.measure import cost_of, report
from tests.bench.texts import sample_texts

_PARAGRAPHS = 5


def main(documents: int = 1000, actors: int = 1) -> None:
    """Print throughputs and their ratios."""
    with tempfile.TemporaryDirectory() as home:
        source = write_corpus(Path(home) / "corpus.jsonl", documents)
        settings = Settings(
            home=Path(home) / "home",
            ray=RaySettings(num_cpus=os.cpu_count()),
            ingest=IngestSettings(embed_actors=actors),
        )
        with Session(settings, Console(quiet=True)) as session:
            first = cost_of(lambda: ingest(session, str(source), "bench"))
            second = cost_of(lambda: ingest(session, str(source), "bench"))
            generation = session.corpora.live("bench").generation
            rows = read_chunks(session.store, "bench", generation)
            tokenizer = session.embedder.tokenizer()
            pairs = zip(rows["title"].to_pylist(), rows["text"].to_pylist(), strict=True)
            texts = [titled(title, "", text, tokenizer) for title, text in pairs]
            torch.set_num_threads(os.cpu_count() or 1)
            session.embedder.embed_documents(texts[:64])
            embedding = cost_of(lambda: session.embedder.embed_documents(texts))
    report("ingest", {
        "documents": documents,
        "actors": actors,
        "chunks": len(texts),
        "chunks_per_s": round(len(texts) / first.wall_s, 1),
        "end_to_end_to_embedding_alone": round(embedding.wall_s / first.wall_s, 3),
        "first_to_unchanged": round(first.wall_s / second.wall_s, 1),
        "seconds": {
            "first": round(first.wall_s, 1),
            "unchanged": round(second.wall_s, 2),
            "embedding_alone": round(embedding.wall_s, 1),
        },
    })  # fmt: skip


def write_corpus(path: Path, documents: int) -> Path:
    """A BEIR corpus of sample texts at `path`."""
    texts = sample_texts(documents * _PARAGRAPHS)
    with open(path, "w", encoding="utf-8") as file:
        for n in range(documents):
            text = "\n\n".join(texts[n * _PARAGRAPHS : (n + 1) * _PARAGRAPHS])
            file.write(json.dumps({"_id": f"d{n:06d}", "title": f"Part {n}", "text": text}) + "\n")
    return path


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
