"""Question + oracles + retrieved hits -> a RAFT example (RAFT §3, arXiv 2403.10131). Pure.

Every random choice comes from a seed of the question's id, so an example is the same whatever the
number of workers, the order of the file, or the restarts. In the share `1 - oracle_fraction` of
training examples distractors take the oracles' places, or exactly where the retriever misses an
oracle. The answer stays then (the paper memorises) unless the policy says otherwise, but a quote of an
absent document is never taught. Validation and test always keep the oracle.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cluster.keys import seed_of
from cluster.prompts import PROMPT_HASH, render_quote, sanitize
from cluster.records import Chunk, ContextDocument, Hit, Kind, Question, Quote, RaftExample, Role
from cluster.settings import RaftSettings
from data_prep.sets.distractors import Candidates, Selection, select_distractors, share_out
from data_prep.sets.lengths import Lengths
from data_prep.sets.oracles import Oracle, Rejection
from data_prep.sets.poison import Planted, plant
from data_prep.sets.screen import Screen

# part of a set's version: count it up when the same inputs would give other examples
RULES = "raft/2"
_SCORE_DIGITS = 6
# random candidates looked at for each distractor
_DRAWS = 20


@dataclass(frozen=True, slots=True)
class Task:
    """A question whose oracles are known, and other chunks of their documents if they are wanted."""

    question: Question
    oracles: tuple[Oracle, ...]
    beside: tuple[Chunk, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """An example and what happened on the way.

    `dropped` counts candidates by reason, `missing` the places that stayed empty, `trimmed` the
    distractors that the length budget cost; `found` says whether the retriever returned every oracle
    chunk. `tokens` are the training tokenizer's of the whole text where there is a length budget, else
    the chunker's of the documents.
    """

    example: RaftExample
    dropped: Mapping[str, int]
    missing: int
    found: bool
    trimmed: int
    tokens: int


class Pool(Protocol):
    """Where random distractors come from."""

    def draw(self, seed: int, limit: int) -> Iterable[Chunk]:
        """At most `limit` different chunks in an order that the seed decides."""


class ExampleBuilder:
    """Builds the examples of one set; `pool` and `lengths` as far as the settings need them."""

    def __init__(
        self,
        settings: RaftSettings,
        generation: str,
        pool: Pool | None = None,
        lengths: Lengths | None = None,
    ) -> None:
        self._settings = settings
        self._generation = generation
        self._pool = pool
        self._lengths = lengths

    def build(self, task: Task, hits: Sequence[Hit]) -> Built | Rejection:
        """One example; `hits` are the retriever's for the question, best first.

        A Rejection when not even the oracles alone fit into the length budget.
        """
        ranks = _by_chunk(hits)
        present = self._keeps_oracle(task, ranks)
        selection, wanted = self._select(task, hits, present)
        shown = [_document(chunk, ranks, kind) for chunk, kind in selection.chosen]
        shown, planted = self._poisoned(task.question, shown)
        for count in range(len(shown), -1, -1):
            example = self._example(
                task, present, (shown[:count], ranks), planted if count else None
            )
            tokens = self._lengths.tokens(example) if self._lengths else 0
            if self._lengths is None or tokens <= self._lengths.max_tokens:
                break
        else:
            return Rejection(
                task.question.id,
                "too_long",
                f"{tokens} tokens without any distractor, raft.max_tokens={self._settings.max_tokens}",
            )
        if self._lengths is None:
            tokens = _chunk_tokens(task, selection, present)
        found = all(oracle.chunk.chunk_id in ranks for oracle in task.oracles)
        missing = wanted - len(shown)
        return Built(example, selection.dropped, missing, found, len(shown) - count, tokens)

    def _keeps_oracle(self, task: Task, ranks: Mapping[str, Hit]) -> bool:
        settings = self._settings
        if task.question.split != "train":
            return True
        if settings.oracle_mode == "retrieval-aligned":
            size = settings.distractors + len(task.oracles)
            found = [ranks.get(oracle.chunk.chunk_id) for oracle in task.oracles]
            return all(hit is not None and hit.rank <= size for hit in found)
        return self._random(task.question, "oracle").random() < settings.oracle_fraction

    def _select(self, task: Task, hits: Sequence[Hit], present: bool) -> tuple[Selection, int]:
        """The distractors, and how many were asked for."""
        settings = self._settings
        oracles = [oracle.chunk for oracle in task.oracles]
        quotes = [text for oracle in task.oracles for text in oracle.texts]
        screen = Screen(oracles, quotes, _answer(task.question), settings.near_duplicate)
        count = settings.distractors + (0 if present else len(oracles))
        seed = self._seed(task.question, "kinds")
        wanted = share_out(count, settings.same_document_share, settings.random_share, seed)
        pool = self._pool.draw(seed, _DRAWS * wanted["random"]) if self._pool else ()
        candidates = Candidates([hit.chunk for hit in hits], task.beside, pool)
        return select_distractors(candidates, oracles, screen, wanted), count

    def _poisoned(
        self, question: Question, shown: list[ContextDocument]
    ) -> tuple[list[ContextDocument], Planted | None]:
        """The distractors, one of them poisoned and then first, so that it is the last to be trimmed."""
        choice = self._random(question, "poison")
        if not shown or choice.random() >= self._settings.poison_fraction:
            return shown, None
        victim = choice.choice(shown)
        planted = plant(victim, self._seed(question, "instruction"))
        return [planted.document, *(d for d in shown if d is not victim)], planted

    def _example(
        self,
        task: Task,
        present: bool,
        shown: tuple[Sequence[ContextDocument], Mapping[str, Hit]],
        planted: Planted | None,
    ) -> RaftExample:
        question, policy = task.question, self._settings.absent_policy
        distractors, ranks = shown
        documents = list(distractors)
        if present:
            documents += [_document(oracle.chunk, ranks, None) for oracle in task.oracles]
        self._random(question, "order").shuffle(documents)
        plain = sanitize(question.reasoning or "").strip()
        quotes = tuple(q for oracle in task.oracles for q in oracle.quotes) if present else ()
        argued = plain if present or policy == "memorise" else ""
        return RaftExample(
            id=question.id,
            question=question.question.strip(),
            documents=tuple(documents),
            oracle_present=present,
            reasoning=_reasoning(documents, quotes, argued),
            plain_reasoning=plain,
            answer=_answer(question),
            quotes=quotes,
            oracle=tuple(dict.fromkeys(oracle.chunk.doc_id for oracle in task.oracles)),
            split=question.split,
            seed=seed_of(question.id, self._settings.seed),
            provenance=self._provenance(task, planted),
            abstain=not present and policy == "abstain",
        )

    def _provenance(self, task: Task, planted: Planted | None) -> dict[str, Any]:
        poison = {"goal": planted.goal, "template": planted.template} if planted else None
        return {
            "teacher": task.question.metadata.get("teacher"),
            "prompt_hash": PROMPT_HASH,
            "generation": self._generation,
            "quotes": [oracle.origin for oracle in task.oracles],
            "oracle_chunks": [oracle.chunk.chunk_id for oracle in task.oracles],
            "poison": poison,
            "metadata": dict(task.question.metadata),
        }

    def _seed(self, question: Question, purpose: str) -> int:
        """A seed for each purpose: one choice more or less changes no other."""
        return seed_of(question.id, self._settings.seed, purpose)

    def _random(self, question: Question, purpose: str) -> random.Random:
        return random.Random(self._seed(question, purpose))


def _chunk_tokens(task: Task, selection: Selection, present: bool) -> int:
    chunks = [chunk for chunk, _ in selection.chosen]
    chunks += [oracle.chunk for oracle in task.oracles] if present else []
    return sum(chunk.tokens for chunk in chunks)


def _answer(question: Question) -> str:
    return " ".join(sanitize(question.answer).split())


def _by_chunk(hits: Sequence[Hit]) -> dict[str, Hit]:
    """Also by the chunks that have the text of a hit and are folded into it."""
    named = [(name, hit) for hit in hits for name in (place.chunk_id for place in hit.also)]
    return {**dict(named), **{hit.chunk.chunk_id: hit for hit in hits}}


def _document(chunk: Chunk, ranks: Mapping[str, Hit], kind: Kind | None) -> ContextDocument:
    """A document of the context; without `kind` it is an oracle."""
    hit = ranks.get(chunk.chunk_id)
    role: Role = "distractor" if kind else "oracle"
    return ContextDocument(
        chunk_id=chunk.chunk_id,
        doc_id=chunk.doc_id,
        title=chunk.title,
        text=chunk.text,
        role=role,
        score=round(hit.score, _SCORE_DIGITS) if hit else None,
        rank=hit.rank if hit else None,
        kind=kind,
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
