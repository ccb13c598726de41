"""Oracles: for a question, the chunk of each oracle document that answers, with verified quotes.

A quote counts only as a span of its chunk. Quotes given by the file are located, also after folding
case, spaces and typography; one that no chunk holds (it crosses a border, or was never verbatim) is
replaced by the nearest sentence and counted as repaired. Without given quotes the sentence that
shares most words with answer and reasoning is extracted; with the question's words instead where there
is no reasoning, because they also find "the aim was to ..." (PubMedQA: 36 % such quotes with them, 29 %
without).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cluster.quotes import best_sentence, find_quote, word_overlap
from cluster.records import Chunk, Question, Quote

# a repaired quote must share this much with the given one (word F1)
REPAIR_OVERLAP = 0.5
Origin = Literal["given", "repaired", "extracted"]


@dataclass(frozen=True, slots=True)
class Oracle:
    """One chunk of an oracle document, its quotes in their order, and where they came from."""

    chunk: Chunk
    quotes: tuple[Quote, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a question cannot become an example; `reason` is counted, `detail` is for a person."""

    question: str
    reason: str
    detail: str


def find_oracles(
    question: Question, chunks: Mapping[str, Sequence[Chunk]]
) -> tuple[Oracle, ...] | Rejection:
    """One oracle a document, in the question's order; `chunks` holds those of the corpus by `doc_id`."""
    if not question.answer.strip():
        return Rejection(question.id, "empty_answer", "the answer is empty")
    if not question.oracle:
        return Rejection(question.id, "no_oracle", "no oracle document is named")
    found = []
    for doc in question.oracle:
        if not chunks.get(doc):
            return Rejection(
                question.id, "oracle_not_in_corpus", f"document {doc!r} is not indexed"
            )
        oracle = _oracle(question, doc, chunks[doc])
        if oracle is None:
            return Rejection(question.id, "quote_not_found", f"nothing to quote in {doc!r}")
        found.append(oracle)
    return tuple(found)


def _oracle(question: Question, doc: str, chunks: Sequence[Chunk]) -> Oracle | None:
    given = [quote.text for quote in question.quotes if quote.doc == doc]
    if given:
        return _located(chunks, given) or _nearest(chunks, given)
    about = f"{question.reasoning or question.question} {question.answer}"
    best = _best(chunks, about)
    return Oracle(best[1], (best[2],), "extracted") if best else None


def _located(chunks: Sequence[Chunk], given: Sequence[str]) -> Oracle | None:
    """The chunk that holds most of the given quotes, the earliest of equals."""
    quotes = {chunk.chunk_id: _quotes_in(chunk, given) for chunk in chunks}
    chunk = max(chunks, key=lambda chunk: len(quotes[chunk.chunk_id]))
    found = quotes[chunk.chunk_id]
    return Oracle(chunk, found, "given") if found else None


def _quotes_in(chunk: Chunk, given: Sequence[str]) -> tuple[Quote, ...]:
    spans = {span for text in given if (span := find_quote(chunk.text, text))}
    return tuple(Quote(chunk.chunk_id, start, end) for start, end in sorted(spans))


def _nearest(chunks: Sequence[Chunk], given: Sequence[str]) -> Oracle | None:
    candidates = [best for text in given if (best := _best(chunks, text))]
    overlap, chunk, quote = max(candidates, key=lambda best: best[0], default=(0.0, None, None))
    if chunk is None or quote is None or overlap < REPAIR_OVERLAP:
        return None
    return Oracle(chunk, (quote,), "repaired")


def _best(chunks: Sequence[Chunk], about: str) -> tuple[float, Chunk, Quote] | None:
    """The sentence of all chunks that shares most words with `about`."""
    best: tuple[float, Chunk, Quote] | None = None
    for chunk in chunks:
        span = best_sentence(chunk.text, about)
        if span is None:
            continue
        overlap = word_overlap(chunk.text[slice(*span)], about)
        if best is None or overlap > best[0]:
            best = (overlap, chunk, Quote(chunk.chunk_id, *span))
    return best
