"""Oracles: for a question, the chunk of each oracle document that answers, with verified quotes.

A quote counts only as a span of its chunk. One that the file gives is located, also when case, spaces,
punctuation or typography differ (repaired), and of one that crosses a chunk border the longer part is
kept (cut). Anything else is no quote: it is counted, and a question whose document holds none of
its quotes is rejected. Without given quotes the sentence that shares most words with answer and
reasoning is extracted; with the question's words instead where there is no reasoning, because they also
find "the aim was to ..." (PubMedQA: 36 % such quotes with them, 29 % without).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cluster.quotes import best_sentence, repair_quote, word_overlap
from cluster.records import Chunk, Question, Quote
from data_prep.corpus.texts import document_text

# of a quote that crosses a chunk border so much must be in the chunk
_MIN_CUT = 0.5
Origin = Literal["given", "repaired", "cut", "extracted"]


@dataclass(frozen=True, slots=True)
class Oracle:
    """One chunk of an oracle document, its quotes in their order, and where they came from.

    `lost` counts quotes that the file gives and this chunk does not hold.
    """

    chunk: Chunk
    quotes: tuple[Quote, ...]
    origin: Origin
    lost: int = 0

    @property
    def texts(self) -> list[str]:
        """What the quotes say."""
        return [self.chunk.text[quote.start : quote.end] for quote in self.quotes]


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
        return _located(chunks, given) or _cut(chunks, given)
    about = f"{question.reasoning or question.question} {question.answer}"
    best = _best(chunks, about)
    return Oracle(best[1], (best[2],), "extracted") if best else None


def _located(chunks: Sequence[Chunk], given: Sequence[str]) -> Oracle | None:
    """The chunk that holds most of the given quotes, the earliest of equals."""
    spans = {
        chunk.chunk_id: {text: span for text in given if (span := repair_quote(chunk.text, text))}
        for chunk in chunks
    }
    chunk = max(chunks, key=lambda chunk: len(spans[chunk.chunk_id]))
    found = spans[chunk.chunk_id]
    if not found:
        return None
    exact = all(chunk.text[start:end] == text.strip() for text, (start, end) in found.items())
    quotes = tuple(Quote(chunk.chunk_id, *span) for span in sorted(set(found.values())))
    return Oracle(chunk, quotes, "given" if exact else "repaired", len(set(given)) - len(found))


def _cut(chunks: Sequence[Chunk], given: Sequence[str]) -> Oracle | None:
    """The longest part that one chunk holds of a quote that the document holds."""
    document = document_text(chunks)
    parts = [
        (max(span[0], chunk.start), min(span[1], chunk.end), chunk, span)
        for text in given
        if (span := repair_quote(document, text))
        for chunk in chunks
    ]
    if not parts:
        return None
    start, end, chunk, span = max(parts, key=lambda part: part[1] - part[0])
    if end - start < _MIN_CUT * (span[1] - span[0]):
        return None
    start -= chunk.start
    body = chunk.text[start : end - chunk.start]
    start += len(body) - len(body.lstrip())
    quote = Quote(chunk.chunk_id, start, start + len(body.strip()))
    return Oracle(chunk, (quote,), "cut", len(set(given)) - 1)


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
