"""How good and how fast the retriever is: python -m tests.bench.retrieval DATA_FOLDER...

Each DATA_FOLDER (SciFact, XQuAD, PubMedQA) holds `corpus.jsonl`, `qa.jsonl` and `qrels.tsv` (BEIR's
judgments). nDCG@10 and recall@10 of dense, sparse and hybrid search for the test split, a document ranked
by its best chunk or by one with the same text; queries are `metadata.claim` where there is one, else the
questions. Then, for the first folder, for dense and for hybrid search 16 questions at once against one by
one, and the same of 16 callers of the retriever that serves, with what its batching adds where there is
only one. Milvus Lite's BM25 is Python that takes one question after another, so there hybrid gains little.
"""

import asyncio
import csv
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from math import log2
from pathlib import Path
from typing import Any

from cluster.console import Console
from cluster.corpora import Generation
from cluster.records import Hit
from cluster.retrieval import Retriever
from cluster.session import Session
from cluster.settings import RaySettings, ServeSettings, Settings
from data_prep.corpus.ingest import ingest
from serve.ports import Query
from serve.retriever import LiveRetriever
from tests.bench.measure import paired, report

_K = 10
# chunks to ask for, so that ten different documents are among them
_DEPTH = 40
_AT_ONCE = 16
_PAIRS = 7
_SPLIT = "test"

Judgments = Mapping[str, Mapping[str, int]]


def main(*folders: str) -> None:
    """Print quality by mode for each folder, and the gain of batching for the first."""
    results = []
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), ray=RaySettings(num_cpus=os.cpu_count()))
        with Session(settings, Console()) as session:
            retrievers = {mode: _retriever(session, mode) for mode in ("dense", "sparse", "hybrid")}
            for folder in map(Path, folders):
                results.append(_measured(session, retrievers, folder))
            queries, _ = read_queries(Path(folders[0]), _SPLIT)
            generation = session.corpora.live(_corpus(Path(folders[0])))
            batching = {
                mode: _batching(
                    session, retrievers[mode], generation, list(queries.values())[:_AT_ONCE]
                )
                for mode in ("dense", "hybrid")
            }
    report("retrieval", {"split": _SPLIT, "sets": results, "batching": batching})


def _measured(
    session: Session, retrievers: Mapping[str, Retriever], folder: Path
) -> dict[str, Any]:
    queries, judgments = read_queries(folder, _SPLIT)
    ingested = ingest(session, str(folder / "corpus.jsonl"), _corpus(folder))
    generation = session.corpora.live(_corpus(folder))
    return {
        "data": folder.name,
        "queries": len(queries),
        "documents": ingested["documents"]["added"],
        "quality": {
            mode: _quality(retriever, generation, queries, judgments)
            for mode, retriever in retrievers.items()
        },
    }


def _corpus(folder: Path) -> str:
    return f"bench-{folder.name.replace('_', '-')}"


def read_queries(folder: Path, split: str) -> tuple[dict[str, str], Judgments]:
    """Query texts and judged documents of a split, by question id."""
    with open(folder / "qa.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    queries = {
        row["id"]: row["metadata"].get("claim") or row["question"]
        for row in rows
        if row["split"] == split
    }
    judgments: dict[str, dict[str, int]] = {}
    with open(folder / "qrels.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            judgments.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    judged = {name: text for name, text in queries.items() if name in judgments}
    return judged, judgments


def ndcg(ranked: Sequence[str], relevant: Mapping[str, int], k: int = _K) -> float:
    """nDCG@k with linear gains, as trec_eval computes it."""
    gains = [relevant.get(name, 0) for name in ranked[:k]]
    best = sorted(relevant.values(), reverse=True)[:k]
    ideal = sum(gain / log2(place + 2) for place, gain in enumerate(best))
    found = sum(gain / log2(place + 2) for place, gain in enumerate(gains))
    return found / ideal if ideal else 0.0


def _batching(
    session: Session, retriever: Retriever, generation: Generation, some: Sequence[str]
) -> dict[str, Any]:
    """The live retriever without its memory of questions, else nothing would be measured."""
    settings = ServeSettings(cached_queries=0)
    live = LiveRetriever(session.corpora, retriever, session.embedder, settings)
    queries = [Query(generation.corpus, (question,)) for question in some]

    async def one_by_one() -> None:
        for query in queries:
            await live.retrieve(query)

    async def together() -> None:
        await asyncio.gather(*map(live.retrieve, queries))

    return {
        "sixteen_at_once_to_one_by_one": paired(
            lambda: [retriever.retrieve(generation, [question]) for question in some],
            lambda: retriever.retrieve(generation, some),
            _PAIRS,
            "wall_s",
        ),
        "sixteen_callers_to_one_by_one": paired(
            lambda: asyncio.run(one_by_one()),
            lambda: asyncio.run(together()),
            _PAIRS,
            "wall_s",
        ),
        "one_caller": asyncio.run(_one_caller(retriever, live, generation, queries)),
    }


async def _one_caller(
    retriever: Retriever, live: LiveRetriever, generation: Generation, queries: Sequence[Query]
) -> dict[str, float]:
    """Medians over pairs: the plain call, and what the live one takes more."""
    plain, added = [], []
    for query in [*queries, *queries, *queries]:
        start = time.perf_counter()
        retriever.retrieve(generation, query.questions)
        between = time.perf_counter()
        await live.retrieve(query)
        plain.append(between - start)
        added.append(time.perf_counter() - between - plain[-1])
    return {
        "plain_ms": round(1000 * statistics.median(plain), 2),
        "batcher_adds_ms": round(1000 * statistics.median(added), 2),
    }


def _retriever(session: Session, mode: str) -> Retriever:
    settings = session.settings.retrieval.model_copy(update={"mode": mode})
    with_mode = session.settings.model_copy(update={"retrieval": settings})
    return Session(
        with_mode.model_copy(update={"milvus": session.worker_settings().milvus}),
        Console(quiet=True),
    ).retriever


def _quality(
    retriever: Retriever, generation: Generation, queries: Mapping[str, str], judgments: Judgments
) -> dict[str, Any]:
    names = list(queries)
    hits = retriever.retrieve(generation, [queries[name] for name in names], top_k=_DEPTH)
    ranked = [list(dict.fromkeys(_documents(found))) for found in hits]
    scores = [ndcg(docs, judgments[name]) for name, docs in zip(names, ranked, strict=True)]
    recalls = [
        len(set(docs[:_K]) & judgments[name].keys()) / len(judgments[name])
        for name, docs in zip(names, ranked, strict=True)
    ]
    mean_ndcg, mean_recall = sum(scores) / len(scores), sum(recalls) / len(recalls)
    return {"ndcg_at_10": round(mean_ndcg, 4), "recall_at_10": round(mean_recall, 4)}


def _documents(hits: Sequence[Hit]) -> Iterator[str]:
    for hit in hits:
        yield hit.chunk.doc_id
        yield from (place.doc_id for place in hit.also)


if __name__ == "__main__":
    main(*sys.argv[1:])
