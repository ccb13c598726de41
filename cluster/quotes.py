"""Finding quotes: a quote counts only as a span of its source.

Generators and extractors change case, spaces and typographic characters (raft.md: of 16 quotes of
a real teacher 2 were byte-verbatim, 14 matched after such repair). `find_quote` returns the exact
source span for those and None for anything else, so what is cited is always verbatim.
"""

import re
import unicodedata

_FOLD = str.maketrans({
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'",
    "–": "-", "—": "-", "‑": "-", "−": "-",
})  # fmt: skip
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[A-Z0-9\"'(\[])|\n{2,}|\n(?=[-*#\d|])")
_WORD = re.compile(r"\w+")
_MIN_REPAIRED_WORDS = 3


def find_quote(text: str, quote: str) -> tuple[int, int] | None:
    """Span `(start, end)` of `quote` in `text`, exact or after folding case, spaces and typography."""
    wanted = quote.strip()
    if not wanted:
        return None
    start = text.find(wanted)
    if start >= 0:
        return start, start + len(wanted)
    folded, origin = _fold(text)
    needle = _fold(wanted)[0].strip(" \"'.")
    at = folded.find(needle) if needle else -1
    if at < 0:
        return None
    return origin[at], origin[at + len(needle) - 1] + 1


def repair_quote(text: str, quote: str) -> tuple[int, int] | None:
    """Span of the words of `quote` in `text`, whatever stands between them; None for anything else.

    Also finds what `find_quote` finds. One or two words prove too little to be repaired by them alone;
    a final stop or closing quote that both have belongs to the span.
    """
    if found := find_quote(text, quote):
        return found
    wanted = [_fold(word)[0] for word in _WORD.findall(quote)]
    words = [(match.start(), match.end()) for match in _WORD.finditer(text)]
    folded = [_fold(text[start:end])[0] for start, end in words]
    if len(wanted) < _MIN_REPAIRED_WORDS:
        return None
    for at in range(len(folded) - len(wanted) + 1):
        if folded[at] == wanted[0] and folded[at : at + len(wanted)] == wanted:
            end = words[at + len(wanted) - 1][1]
            closed = quote.rstrip()[-1] == text[end : end + 1]
            return words[at][0], end + closed
    return None


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of `text`, by a simple rule; white space at the borders is left out."""
    spans, start = [], 0
    for gap in _SENTENCE_END.finditer(text):
        spans.append((start, gap.start()))
        start = gap.end()
    spans.append((start, len(text)))
    return [trimmed for span in spans if (trimmed := _trim(text, *span))]


def best_sentence(text: str, about: str) -> tuple[int, int] | None:
    """The sentence of `text` that shares most words with `about` (word F1); None without overlap."""
    wanted = _words(about)
    scored = [(_overlap(_words(text[a:b]), wanted), -a, b) for a, b in sentences(text)]
    score, negative_start, end = max(scored, default=(0.0, 0, 0))
    return (-negative_start, end) if score > 0 else None


def word_overlap(text: str, about: str) -> float:
    """Word F1 between two texts, 0..1."""
    return _overlap(_words(text), _words(about))


def _overlap(have: frozenset[str], wanted: frozenset[str]) -> float:
    shared = len(have & wanted)
    return 2 * shared / (len(have) + len(wanted)) if shared else 0.0


def _words(text: str) -> frozenset[str]:
    return frozenset(
        word for word in _WORD.findall(text.lower()) if len(word) > 2 or word.isdigit()
    )


def _trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    body = text[start:end]
    start += len(body) - len(body.lstrip())
    end -= len(body) - len(body.rstrip())
    return (start, end) if end > start else None


def _fold(text: str) -> tuple[str, list[int]]:
    """Folded text and, for each of its characters, the offset it came from."""
    out: list[str] = []
    origin: list[int] = []
    for offset, char in enumerate(text.translate(_FOLD)):
        piece = " " if char.isspace() else unicodedata.normalize("NFKC", char).casefold()
        if piece == " " and out and out[-1] == " ":
            continue
        out.extend(piece)
        origin.extend([offset] * len(piece))
    return "".join(out), origin
