"""What makes a written question or answer unusable. Pure, lexical, and strict rather than lenient.

Stricter than `quality`, which judges what people asked: a teacher can write another question.
A question must make sense without its document (the patterns are English; other languages pass). An
answer must consist of what its document says: its numbers stand there or in the question, and most of
its words do.
"""

import re

from cluster.prompts import sanitize

# share of an answer's words that its document or question must hold
SUPPORT = 0.6
_LABELS = frozenset({"yes", "no", "maybe", "true", "false", "none", "neither", "both"})
_NOUN = (
    r"(?:document|passage|text|article|excerpt|snippet|context|paragraph|section|chapter|extract)s?"
)
_REFERS = re.compile(
    "|".join([
        rf"\b(?:this|these|that|above|given|provided|following|preceding|previous) {_NOUN}\b",
        rf"\b(?:according to|based on|in|from|by|of|throughout|within) the (?:\w+ )?{_NOUN}\b(?! of\b)",
        rf"\b(?:does|did|do|is|are|was) the {_NOUN} (?:say|state|mention|describe|discuss|explain|about|"
        r"list|give|provide|suggest|refer|note|claim)",
        r"\bthe (?:document|passage|excerpt|snippet|extract)s?\b(?! of\b)",
        rf"\bthe {_NOUN} (?:says|states|mentions|describes|explains|notes|lists|gives|shows|reads)\b",
        r"\b(?:mentioned|described|stated|discussed|listed|shown|given|outlined|defined) "
        r"(?:above|below|here|earlier|previously)\b",
        r"\b(?:above|aforementioned|below|following) (?:table|figure|list|example|code|sentence|quote)s?\b",
    ]),
    re.IGNORECASE,
)  # fmt: skip
_REFUSAL = re.compile(
    r"^\W*(?:i['’]?m sorry|sorry|i apologi[sz]e|i (?:can(?:no|['’])t|am unable|am not able|won['’]t)|"
    r"as an? (?:ai|language model))\b",
    re.IGNORECASE,
)
# languages without spaces are compared by character
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+(?:[.,]\d+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def refers_to_document(text: str) -> bool:
    """Whether a text makes sense only to somebody who sees the document it was written about."""
    return _REFERS.search(text) is not None


def is_refusal(text: str) -> bool:
    """Whether a reply begins like a refusal to do what was asked."""
    return _REFUSAL.match(text) is not None


def is_supported(answer: str, question: str, document: str) -> bool:
    """Whether an answer is made of what document and question hold; labels (`yes`, `none`) always are."""
    have = f"{sanitize(document)} {question}".casefold()
    wanted = answer.casefold().strip(" .")
    if wanted in _LABELS:
        return True
    words = _words(wanted)
    if not words or not _numbers(wanted) <= _numbers(have):
        return False
    return wanted in have or len(words & _words(have)) / len(words) >= SUPPORT


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


def _numbers(text: str) -> frozenset[str]:
    """Numbers without separators of thousands, which writers set as they like."""
    return frozenset(number.replace(",", "") for number in _NUMBER.findall(text))
