"""A question -> retrieved evidence -> prompt -> generated, cited answer.

`begin` does everything that can fail before a byte is sent: it resolves the model, retrieves, drops
documents that do not fit (the worst first, never cut in the middle), and waits until the generator
has admitted the request. What it returns is then streamed or collected.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cluster.errors import ContextError, UnavailableError, UsageError
from cluster.keys import seed_of
from cluster.prompts import ABSTENTION, Message, render, render_target
from cluster.records import Hit, hit_summary
from cluster.settings import ServeSettings
from serve.adapters.names import BASE
from serve.citations import Citation, annotate, cite
from serve.engine.protocol import (
    FinishReason,
    GenerationChunk,
    GenerationRequest,
    SamplingParams,
    TokenLogprob,
)
from serve.ports import Generating, Naming, Query, Retrieving
from serve.rendering import AnswerStream
from serve.schema import ChatRequest, RagOptions

RagStatus = Literal["used", "empty", "skipped", "degraded"]


@dataclass(slots=True)
class Evidence:
    """What retrieval gave, and what became of it; `seconds` is what it took."""

    status: RagStatus
    reason: str | None = None
    corpus: str | None = None
    generation: str | None = None
    hits: tuple[Hit, ...] = ()
    notices: tuple[str, ...] = ()
    dropped: int = 0
    seconds: float = 0.0

    @property
    def used(self) -> tuple[Hit, ...]:
        """The hits that are in the prompt, in its order."""
        return self.hits[: len(self.hits) - self.dropped]


@dataclass(frozen=True, slots=True)
class Delta:
    """Text for a reader, and the tokens since the last one when their log probabilities were asked for."""

    text: str
    tokens: tuple[TokenLogprob, ...] = ()


@dataclass(slots=True)
class Answering:
    """One answer on its way: iterate `deltas` to its end, then read the rest."""

    model: str
    evidence: Evidence
    stream: AsyncGenerator[GenerationChunk, None]
    logprobs: bool = False
    finish_reason: FinishReason = "stop"
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    text: AnswerStream = field(init=False)

    def __post_init__(self) -> None:
        self.text = AnswerStream([hit.chunk.text for hit in self.evidence.used])

    async def admitted(self) -> None:
        """Until the generator has taken the request; raises why it has not."""
        self.prompt_tokens = (await anext(self.stream)).prompt_tokens

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """Presentable text as it comes; closing it cancels the generation."""
        started = time.monotonic()
        tokens: tuple[TokenLogprob, ...] = ()
        async with aclosing(self.stream) as stream:
            async for chunk in stream:
                self.prompt_tokens = chunk.prompt_tokens
                self.cached_tokens = chunk.cached_tokens
                self.completion_tokens = chunk.completion_tokens
                self.finish_reason = chunk.finish_reason or self.finish_reason
                tokens += chunk.logprobs
                if shown := self.text.feed(chunk.text):
                    yield Delta(shown, tokens)
                    tokens = ()
        self.seconds = time.monotonic() - started
        rest = self.text.finish()
        if rest or tokens:
            yield Delta(rest, tokens)

    async def close(self) -> None:
        """Cancel the generation; nothing happens when it is done."""
        await self.stream.aclose()

    @property
    def citations(self) -> list[Citation]:
        """Verified citations."""
        return cite(self.text.quotes, self.evidence.used)

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """The same as OpenAI annotations."""
        return annotate(self.text.quotes, self.evidence.used)


class Answerer:
    """Answers chat requests with the parts that it is given."""

    def __init__(
        self,
        names: Naming,
        retriever: Retrieving,
        generator: Generating,
        settings: ServeSettings,
    ) -> None:
        self._names = names
        self._retriever = retriever
        self._generator = generator
        self._settings = settings

    async def begin(self, request: ChatRequest, request_id: str) -> list[Answering]:
        """One answer for each choice that is asked for.

        Raises what a client should see as an error; afterwards only the streams can fail.
        """
        adapter = await self._names.resolve(request.model)
        question = request.messages[-1].text
        evidence = await self._evidence(question, request.rag)
        sampling = self._sampling(request, request_id)
        plain = adapter is not None and await self._names.plain(adapter)
        prompts = [tuple(prompt) for prompt in _prompts(request, evidence, plain)]
        whole = not request.stream
        asked = GenerationRequest(request_id, prompts[0], adapter, sampling, whole=whole)
        try:  # nearly always all documents fit: to ask first would cost every answer a call
            return await self._answer(asked, request.n or 1, evidence)
        except ContextError:
            if len(prompts) == 1:
                raise
        evidence.dropped = await self._generator.fit(prompts, sampling.max_tokens)
        if not evidence.used:
            evidence.status, evidence.reason = "empty", "no document fits the context"
        asked = replace(asked, messages=prompts[evidence.dropped])
        return await self._answer(asked, request.n or 1, evidence)

    async def _answer(
        self, asked: GenerationRequest, choices: int, evidence: Evidence
    ) -> list[Answering]:
        """So many answers, admitted; each samples apart."""
        refuses = evidence.status == "empty" and self._settings.require_retrieval
        answers = []
        for number in range(choices):
            sampling = replace(asked.sampling, seed=asked.sampling.seed + number)
            name = f"{asked.request_id}-{number}" if number else asked.request_id
            one = replace(asked, request_id=name, sampling=sampling)
            stream = _refusal(evidence) if refuses else self._generator.generate(one)
            model, logprobs = asked.adapter or BASE, sampling.logprobs is not None
            answers.append(Answering(model, evidence, stream, logprobs))
        if not refuses:
            await _admit(answers)
        return answers

    async def _evidence(self, question: str, rag: RagOptions) -> Evidence:
        corpus = rag.corpus or self._settings.corpus
        if rag.mode == "off":
            return Evidence("skipped", "rag.mode is off")
        if corpus is None:
            if rag.mode == "on":
                raise UsageError("rag.mode is on, but neither rag.corpus nor serve.corpus is set")
            return Evidence("skipped", "no corpus: neither rag.corpus nor serve.corpus is set")
        started = time.monotonic()
        evidence = await self._retrieve(question, corpus, rag)
        evidence.seconds = time.monotonic() - started
        return evidence

    async def _retrieve(self, question: str, corpus: str, rag: RagOptions) -> Evidence:
        try:
            found = await self._retriever.retrieve(
                Query(corpus, (question,), rag.top_k, rag.filter, rag.min_score)
            )
        except UnavailableError as error:
            if rag.mode == "on" or self._settings.require_retrieval:
                raise
            return Evidence("degraded", str(error), corpus)
        hits, notices = found.hits[0], tuple(found.told(0))
        if hits:
            return Evidence("used", None, corpus, found.generation, hits, notices)
        least = "" if rag.min_score is None else f" with rag.min_score={rag.min_score:g} or more"
        return Evidence(
            "empty", f"nothing was found{least}", corpus, found.generation, notices=notices
        )

    def _sampling(self, request: ChatRequest, request_id: str) -> SamplingParams:
        engine = self._settings.engine
        temperature = request.temperature
        return SamplingParams(
            max_tokens=request.limit or engine.max_new_tokens,
            temperature=engine.temperature if temperature is None else temperature,
            top_p=1.0 if request.top_p is None else request.top_p,
            top_k=request.top_k or 0,
            stop=request.stops,
            seed=seed_of(request_id) if request.seed is None else request.seed,
            logprobs=(request.top_logprobs or 0) if request.logprobs else None,
            ignore_eos=bool(request.ignore_eos),
        )


def _prompts(request: ChatRequest, evidence: Evidence, plain: bool) -> list[list[Message]]:
    """The prompt with all documents, without the worst, and so on down to none.

    A `plain` model gets the chat as it was sent when there is no document: it learned that form.
    """
    *history, asked = [{"role": m.role, "content": m.text} for m in request.messages]
    chunks = [hit.chunk for hit in evidence.hits]
    prompts = [
        render(asked["content"], chunks[: len(chunks) - dropped], history)
        for dropped in range(len(chunks))
    ]
    return [*prompts, [*history, asked] if plain else render(asked["content"], (), history)]


async def _admit(choices: Sequence[Answering]) -> None:
    """Until the generator has taken every one; when it refuses one, none runs."""
    try:
        async with asyncio.TaskGroup() as group:
            for answering in choices:
                group.create_task(answering.admitted())
    except BaseException as error:
        for answering in choices:
            await answering.close()
        if isinstance(error, BaseExceptionGroup):
            raise error.exceptions[0] from None
        raise


async def _refusal(evidence: Evidence) -> AsyncGenerator[GenerationChunk, None]:
    why = f"I found nothing in corpus {evidence.corpus!r} that answers this question."
    text = render_target(why, ABSTENTION)
    yield GenerationChunk(text, (), "stop", 0, 0)


def rag_json(answering: Answering) -> dict[str, Any]:
    """The `rag` object of an answer."""
    evidence = answering.evidence
    return {
        "status": evidence.status,
        "reason": evidence.reason,
        "corpus": evidence.corpus,
        "generation": evidence.generation,
        "hits": [hit_summary(hit) for hit in evidence.hits],
        "notices": list(evidence.notices),
        "documents_dropped": evidence.dropped,
        "unverified_quotes": answering.text.unverified,
        "timings_ms": {
            "retrieval": round(evidence.seconds * 1000, 1),
            "generation": round(answering.seconds * 1000, 1),
        },
    }
