"""Questions worth training on and comparing by: none twice, none that needs a page in front of it.

Pure, and counted by reason: a set says what it left out. Each rule has a setting that turns it off.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from cluster.records import Question, Split
from cluster.settings import RaftSettings
from data_prep.sets.duplicates import clusters, words_of
from data_prep.sets.oracles import Oracle, Rejection
from data_prep.sets.screen import holds_answer

# of two equal questions the one that measures stays
_KEPT_FIRST: Mapping[Split, int] = {"test": 0, "validation": 1, "train": 2}
_NEAR_QUESTION = 0.9
_PAGE = r"(?:document|passage|excerpt|paragraph|chunk|snippet)s?"
_ANY_SOURCE = r"(?:document|passage|excerpt|paragraph|chunk|snippet|article|text|context|page)s?"
_POINTED = r"(?:the|this|that) (?:above |given |provided |following |preceding )?"
# a page before the asker's eyes; "the text" alone often is the user's own ("read the text aloud")
_UNCLEAR = re.compile(
    rf"\b(?:according to|as (?:stated|described|mentioned|explained|shown|discussed) (?:in|by)) "
    rf"{_POINTED}{_ANY_SOURCE}\b"
    rf"|\b(?:based on|(?:mentioned|stated|described|discussed) (?:in|by)) {_POINTED}{_PAGE}\b"
    rf"|\b(?:the|this) {_ANY_SOURCE} (?:above|below|provided here)\b"
    rf"|\bthe (?:above|aforementioned|preceding) {_ANY_SOURCE}\b"
    r"|\b(?:this (?:passage|excerpt|paragraph|chunk|snippet)|the (?:passage|excerpt))\b"
    rf"|\b(?:does|did) (?:the|this) {_ANY_SOURCE} (?:say|state|mention|describe|claim|suggest|list)\b",
    re.IGNORECASE,
)


def review(
    questions: Sequence[Question], settings: RaftSettings
) -> tuple[list[Question], list[Rejection]]:
    """The questions that stay, in their order, and why the others do not."""
    rejected: dict[str, Rejection] = {}
    if settings.drop_unclear:
        unclear = (_unclear(question) for question in questions)
        rejected.update({found.question: found for found in unclear if found})
    if settings.drop_duplicates:
        clear = [question for question in questions if question.id not in rejected]
        found = _repeated(clear)
        rejected.update({rejection.question: rejection for rejection in found})
    kept = [question for question in questions if question.id not in rejected]
    return kept, [rejected[name] for name in sorted(rejected)]


def check_answer(question: Question, oracles: Iterable[Oracle]) -> Rejection | None:
    """Why the oracles alone do not answer, where answers have to stand in them literally."""
    if any(holds_answer(oracle.chunk.text, question.answer) for oracle in oracles):
        return None
    detail = f"no oracle holds {question.answer!r} (raft.require_literal_answer)"
    return Rejection(question.id, "answer_not_in_oracle", detail)


def _unclear(question: Question) -> Rejection | None:
    match = _UNCLEAR.search(question.question)
    if match is None:
        return None
    return Rejection(
        question.id, "refers_to_its_source", f"{match[0]!r} means nothing without the page"
    )


def _repeated(questions: Sequence[Question]) -> list[Rejection]:
    """Later questions of the same words, or of nearly the same with the same answer and oracles."""
    ordered = sorted(questions, key=lambda question: (_KEPT_FIRST[question.split], question.id))
    first: dict[object, str] = {}
    near = clusters(((q.id, q.question) for q in ordered), _NEAR_QUESTION)
    found = []
    for question in ordered:
        words = tuple(words_of(question.question)) or question.question
        answered = tuple(words_of(question.answer)), tuple(sorted(question.oracle))
        same = first.setdefault(words, question.id)
        alike = first.setdefault((near[question.id], answered), question.id)
        if same != question.id:
            found.append(Rejection(question.id, "duplicate_question", f"the same as {same!r}"))
        elif alike != question.id:
            detail = f"nearly the same as {alike!r}, with the same answer"
            found.append(Rejection(question.id, "near_duplicate_question", detail))
    return found
