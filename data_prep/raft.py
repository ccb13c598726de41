"""Question + oracles + retrieved hits -> a RAFT example (RAFT §3, arXiv 2403.10131). Pure.

Every random choice comes from a seed of the question's id, so an example is the same whatever the
number of workers, the order of the file, or the restarts. In the share `1 - oracle_fraction` of
training examples distractors take the oracles' places; the answer stays (the paper memorises), but a
quote of an absent document is never taught: the reasoning then holds only what needs no document.
Validation and test always keep the oracle.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.keys import seed_of
from cluster.prompts import PROMPT_HASH, render_quote, sanitize
from cluster.records import Chunk, ContextDocument, Hit, Question, Quote, RaftExample, Role
from cluster.settings import RaftSettings
from data_prep.distractors import select_distractors
from data_prep.oracles import Oracle

# part of a set's version: count it up when the same inputs would give other examples
RULES = "raft/1"
_SCORE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Built:
    """An example and what happened on the way.

    `dropped` counts candidates by reason, `missing` the places that stayed empty, `found` says
    whether the retriever returned every oracle chunk.
    """

    example: RaftExample
    dropped: Mapping[str, int]
    missing: int
    found: bool


def build_example(
    question: Question,
    oracles: Sequence[Oracle],
    hits: Sequence[Hit],
    settings: RaftSettings,
    generation: str,
) -> Built:
    """One example; `hits` are the retriever's for the question, best first."""
    seed = seed_of(question.id, settings.seed)
    choice = random.Random(seed)
    # drawn before anything else, so that it depends on nothing but the seed
    present = choice.random() < settings.oracle_fraction or question.split != "train"
    answer = " ".join(sanitize(question.answer).split())
    chunks = [oracle.chunk for oracle in oracles]
    wanted = settings.distractors + (0 if present else len(oracles))
    selection = select_distractors(hits, chunks, answer, wanted)
    ranked = {hit.chunk.chunk_id: hit for hit in hits}
    documents = [_document(hit.chunk, "distractor", hit) for hit in selection.hits]
    if present:
        documents += [_document(chunk, "oracle", ranked.get(chunk.chunk_id)) for chunk in chunks]
    choice.shuffle(documents)
    plain = sanitize(question.reasoning or "").strip()
    quotes = tuple(quote for oracle in oracles for quote in oracle.quotes) if present else ()
    example = RaftExample(
        id=question.id,
        question=question.question.strip(),
        documents=tuple(documents),
        oracle_present=present,
        reasoning=_reasoning(documents, quotes, plain),
        plain_reasoning=plain,
        answer=answer,
        quotes=quotes,
        oracle=tuple(dict.fromkeys(chunk.doc_id for chunk in chunks)),
        split=question.split,
        seed=seed,
        provenance=_provenance(question, oracles, generation),
    )
    found = all(chunk.chunk_id in ranked for chunk in chunks)
    return Built(example, selection.dropped, wanted - len(selection.hits), found)


def _provenance(question: Question, oracles: Sequence[Oracle], generation: str) -> dict[str, Any]:
    return {
        "teacher": None,
        "prompt_hash": PROMPT_HASH,
        "generation": generation,
        "quotes": [oracle.origin for oracle in oracles],
        "metadata": dict(question.metadata),
    }


def _document(chunk: Chunk, role: Role, hit: Hit | None) -> ContextDocument:
    return ContextDocument(
        chunk_id=chunk.chunk_id,
        doc_id=chunk.doc_id,
        title=chunk.title,
        text=chunk.text,
        role=role,
        score=round(hit.score, _SCORE_DIGITS) if hit else None,
        rank=hit.rank if hit else None,
    )


def _reasoning(documents: Sequence[ContextDocument], quotes: Sequence[Quote], plain: str) -> str:
    """Quotes in the order of the prompt, as the instruction asks first for them, then the reasoning.

    Quotes are rendered as the prompt shows the documents: stripped of control tokens.
    """
    place = {document.chunk_id: n for n, document in enumerate(documents, 1)}
    texts = {document.chunk_id: document.text for document in documents}
    lines = [
        render_quote(
            place[quote.chunk_id], sanitize(texts[quote.chunk_id][quote.start : quote.end])
        )
        for quote in sorted(quotes, key=lambda quote: (place[quote.chunk_id], quote.start))
    ]
    return "\n".join([*lines, plain] if plain else lines)
