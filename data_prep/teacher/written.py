"""Replies of the teacher -> questions, or the reason why not. Pure.

Parsed strictly: questions are a JSON list, an answer is quotes, reasoning and the marked answer. A quote
becomes the exact span of its chunk that it is found as (`cluster.quotes`), else the question goes. What
stays as reasoning are the sentences that neither quote nor mention a document: they are also taught
without documents.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.keys import content_id
from cluster.prompts import QUOTE_BEGIN, QUOTE_END, parse, strip_markers
from cluster.quotes import repair_quote, sentences
from cluster.records import Chunk
from data_prep.teacher.calls import Reply
from data_prep.teacher.prompts import TEACHER_PROMPT_HASH, UNANSWERABLE
from data_prep.teacher.screens import is_refusal, is_supported, refers_to_document

_MAX_QUESTION_CHARS = 400
_FENCE = re.compile(r"^```[a-z]*\s*\n(.*?)\n?```$", re.DOTALL)
_NUMBERING = re.compile(r"^(?:\d{1,2}[.)]|[-*•]|Q\d{0,2}[:.])\s+")
_QUOTED = re.compile(re.escape(QUOTE_BEGIN) + ".*?" + re.escape(QUOTE_END), re.DOTALL)
_BOLD = re.compile(r"^\*\*([^*]+)\*\*$")
_HOLE = "\x00"
# open reasoning models think aloud first
_THINKING = re.compile(r"^\s*<think>.*?</think>\s*", re.DOTALL)
# finish reasons of an endpoint that are not an end of the text
_CUT = {"length": "truncated", "max_tokens": "truncated"}
_REFUSED = ("refusal", "content_filter", "too_long")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that the teacher wrote, before it is answered."""

    id: str
    question: str
    chunk: Chunk
    call: str


def questions_in(reply: Reply, chunk: Chunk, most: int) -> tuple[list[Asked], list[str]]:
    """The usable questions of a reply, at most `most`, and a reason for each that is not."""
    if reason := _unusable(reply):
        return [], [reason]
    texts = _json_questions(_said(reply))
    if texts is None:
        return [], ["not_json"]
    asked, reasons = [], []
    for text in texts[:most]:
        question = _NUMBERING.sub("", " ".join(text.split()))
        if reason := _bad_question(question):
            reasons.append(reason)
        else:
            name = content_id("question", chunk.chunk_id, normalized(question))
            asked.append(Asked(name, question, chunk, reply.key))
    return asked, reasons


def record_of(asked: Asked, reply: Reply, generation: str) -> dict[str, Any] | str:
    """A line of a question file without its split; or the reason why the answer cannot be used."""
    if reason := _unusable(reply):
        return reason
    parsed = parse(_said(reply))
    if parsed.answer is None:
        return "no_answer_mark"
    answer = _BOLD.sub(r"\1", strip_markers(parsed.answer))
    quotes = _spans(asked.chunk, parsed.quotes)
    if reason := _bad_answer(asked, answer, quotes):
        return reason
    doc = asked.chunk.doc_id
    return {
        "id": asked.id,
        "question": asked.question,
        "answer": answer,
        "oracle": [doc],
        "quotes": [{"doc": doc, "text": text} for text in dict.fromkeys(quotes or ())],
        "reasoning": _plain(parsed.reasoning) or None,
        "metadata": {
            "chunk_id": asked.chunk.chunk_id,
            "teacher": _origin(asked, reply, generation),
        },
    }


def normalized(question: str) -> str:
    """Equal for questions that differ only in case, spaces and punctuation."""
    return " ".join(re.findall(r"\w+", question.casefold()))


def _unusable(reply: Reply) -> str | None:
    if reply.finish_reason in _CUT:
        return _CUT[reply.finish_reason]
    if reply.finish_reason in _REFUSED:
        return reply.finish_reason
    if not _said(reply):
        return "empty"
    return "refusal" if is_refusal(_said(reply)) else None


def _said(reply: Reply) -> str:
    return _THINKING.sub("", reply.text).strip()


def _json_questions(text: str) -> list[str] | None:
    """The list in `{"questions": [...]}` or alone, in a code fence or not; None for anything else."""
    body = text.strip()
    fenced = _FENCE.match(body)
    try:
        value = json.loads(fenced[1] if fenced else body)
    except ValueError:
        return None
    if isinstance(value, Mapping):
        value = value.get("questions")
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return value


def _bad_question(question: str) -> str | None:
    if len(normalized(question)) < 2 or len(question) > _MAX_QUESTION_CHARS:
        return "question_length"
    return "refers_to_document" if refers_to_document(question) else None


def _spans(chunk: Chunk, quotes: tuple[str, ...]) -> list[str] | None:
    """The quotes as the chunk has them, None when one is not in it."""
    spans = [repair_quote(chunk.text, quote) for quote in quotes]
    found = [chunk.text[slice(*span)] for span in spans if span]
    return found if len(found) == len(spans) else None


def _bad_answer(asked: Asked, answer: str, quotes: list[str] | None) -> str | None:
    if UNANSWERABLE.casefold() in answer.casefold():
        return "unanswerable"
    if quotes is None:
        return "quote_not_verbatim"
    if not answer:
        return "empty_answer"
    if not quotes:
        return "no_quote"
    if refers_to_document(answer):
        return "refers_to_document"
    supported = is_supported(answer, asked.question, asked.chunk.text)
    return None if supported else "answer_not_supported"


def _plain(reasoning: str) -> str:
    """The sentences that neither quote nor mention a document."""
    kept = []
    for line in _QUOTED.sub(f"{_HOLE}.", reasoning).split("\n"):
        kept += [line[start:end] for start, end in sentences(line)]
    return " ".join(s for s in kept if _HOLE not in s and not refers_to_document(s))


def _origin(asked: Asked, reply: Reply, generation: str) -> dict[str, Any]:
    return {
        "model": reply.model,
        "prompt_hash": TEACHER_PROMPT_HASH,
        "calls": [asked.call, reply.key],
        "generation": generation,
    }
