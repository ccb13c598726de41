"""The recall probe: sampled chunks must find themselves before a generation becomes live.

With the embedder and the number of hits of the settings. By vectors alone unless `retrieval.mode` is
sparse: in a hybrid search the words would find a chunk whose vector is wrong, and Milvus Lite takes a tenth
of a second for the words of a whole chunk. It catches what counts cannot: vectors of another model, an index
that lost its rows, texts that do not belong to their vectors. A hit with the very same text counts:
documents may repeat each other.
"""

import random
from collections.abc import Collection, Iterator, Sequence

from cluster.corpora import Generation
from cluster.errors import GateError
from cluster.keys import seed_of
from cluster.records import Chunk
from cluster.session import Session
from cluster.vectors import SearchOptions
from data_prep.chunking.token_map import TokenCounter
from data_prep.corpus.chunk import titled
from data_prep.documents.cutting import unreadable

_AT_ONCE = 100
_SHOWN = 3
_SHOWN_CHARS = 60


def probe(session: Session, generation: Generation, sampled: Sequence[Chunk]) -> None:
    """Raise GateError with examples when too few of the sampled chunks find themselves."""
    recall = session.settings.ingest.probe_recall
    lost = [chunk for chunk, found in _search(session, generation, sampled) if not found]
    if not sampled or 1 - len(lost) / len(sampled) >= recall:
        return
    examples = "; ".join(
        f"{chunk.doc_id} from {chunk.start}: {chunk.text[:_SHOWN_CHARS]!r}"
        for chunk in lost[:_SHOWN]
    )
    raise GateError(
        f"generation {generation.generation} of corpus {generation.corpus!r} did not become live: "
        f"{len(sampled) - len(lost)} of {len(sampled)} sampled chunks find themselves, "
        f"ingest.probe_recall asks for {recall:.0%}; not found: {examples}. The corpus is as before. "
        + _cause(session, lost)
    )


def _cause(session: Session, lost: Sequence[Chunk]) -> str:
    """What is most likely wrong, and what to do."""
    counter = TokenCounter(session.embedder.tokenizer())
    told = unreadable(
        counter.map("\n".join(chunk.text for chunk in lost)).unknown_share,
        session.settings.models.embedder,
    )
    if told:
        return f"Of what was not found, {told[0].text}"
    return "Check models.embedder and retrieval.top_k, or lower ingest.probe_recall"


def sample(ids: Collection[str], size: int, seed: str) -> list[str]:
    """Up to `size` ids; the same ones for the same ids and seed, in whatever order they come."""
    ordered = sorted(ids)
    if len(ordered) <= size:
        return ordered
    return sorted(random.Random(seed_of("probe", seed)).sample(ordered, size))


def _search(
    session: Session, generation: Generation, sampled: Sequence[Chunk]
) -> Iterator[tuple[Chunk, bool]]:
    """Chunks are asked for as they were embedded, with their titles."""
    tokenizer, options = session.embedder.tokenizer(), _options(session)
    for start in range(0, len(sampled), _AT_ONCE):
        part = sampled[start : start + _AT_ONCE]
        questions = [titled(c.title, c.section, c.text, tokenizer) for c in part]
        vectors_QE = session.embedder.embed_queries(questions)
        found = session.vectors.search(generation.collection, questions, vectors_QE, options)
        for chunk, hits in zip(part, found, strict=True):
            yield chunk, chunk.text in {hit.chunk.text for hit in hits}


def _options(session: Session) -> SearchOptions:
    settings = session.settings.retrieval
    return SearchOptions(
        top_k=settings.top_k,
        mode="sparse" if settings.mode == "sparse" else "dense",
        candidates=max(settings.candidates, settings.top_k),
        dense_weight=settings.dense_weight,
        fresh=True,
    )
