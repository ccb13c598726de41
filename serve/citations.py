"""Quotes of an answer -> citations that anybody can check.

Every citation names a chunk that was retrieved, and its quote is the chunk's own text, not the
model's copy of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.records import Hit, Place
from serve.rendering import PlacedQuote


@dataclass(frozen=True, slots=True)
class Citation:
    """`index` is the [n] in the answer; `start` and `end` are offsets in the parsed document.

    `section` is the path of headings above the chunk; `also` are other places of the same text.
    """

    index: int
    doc_id: str
    chunk_id: str
    uri: str
    title: str
    page: int | None
    start: int
    end: int
    quote: str
    score: float
    section: str = ""
    also: tuple[Place, ...] = ()


def cite(quotes: Sequence[PlacedQuote], hits: Sequence[Hit]) -> list[Citation]:
    """Citations in the order of the text, each once. `hits` are the documents in prompt order."""
    found = [
        _citation(quote.number, quote.span, hits[quote.number - 1])
        for quote in quotes
        if quote.number is not None and quote.span is not None
    ]
    return list(dict.fromkeys(found))


def annotate(quotes: Sequence[PlacedQuote], hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """The same places as OpenAI annotations; indices are code points of the shown text."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": quote.start,
                "end_index": quote.end,
                "url": hits[quote.number - 1].chunk.uri,
                "title": hits[quote.number - 1].chunk.title,
            },
        }
        for quote in quotes
        if quote.number is not None
    ]


def _citation(number: int, span: tuple[int, int], hit: Hit) -> Citation:
    chunk, (start, end) = hit.chunk, span
    return Citation(
        index=number,
        doc_id=chunk.doc_id,
        chunk_id=chunk.chunk_id,
        uri=chunk.uri,
        title=chunk.title,
        page=chunk.page,
        start=chunk.start + start,
        end=chunk.start + end,
        quote=chunk.text[start:end],
        score=hit.score,
        section=chunk.section,
        also=hit.also,
    )
