"""Text -> the terms that it is found by, for chunks and for questions alike. Pure, in linear time.

Milvus' own analyzers differ between its embedded and its server form, and none suits every language. So
the analysis is ours: Milvus gets terms of letters and digits between blanks, which it only counts.

- Compatibility forms, case, and accents on Latin and Greek letters make no difference.
- A word that is long or in the plural is two terms, its first `STEM` letters and itself: so endings, and
  compounds that begin alike (Versand, Versandkosten), meet in every alphabet. Cutting at 4 or 5 letters
  finds about as well as a stemmer made for the language (McNamee and Mayfield, "Character N-Gram
  Tokenization for European Language Text Retrieval", 2004).
- Scripts without blanks, and Korean, become overlapping pairs; Chinese characters count singly too.
- `ZX-41`, `3.5`, `parse_file`, `maxSize`, `etc/app.conf`, `C++` are found whole and by their parts.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise

STEM = 5
MAX_BYTES = 65_535  # of one field in Milvus
MAX_TERM = 64  # letters; more would tell no more
# of a longer question, terms of its beginning and of its end: there stands what is asked
MAX_QUESTION_TERMS = 256
# of first letters against whole words, in questions: chosen on SciFact, XQuAD and PubMedQA together
_STEM_WEIGHT = 2
# Lucene's stop words of English
STOP_WORDS = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no",
    "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to",
    "was", "will", "with",
))  # fmt: skip
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
# Thai and Lao, Myanmar, Khmer, Tai Le to New Tai Lue, Tai Tham, Myanmar's extensions, Tai Viet
_SOUTH_EAST = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
)
_HANGUL = "\uac00-\ud7a3"
_PAIRED = re.compile(f"[{_HAN}{_KANA}{_SOUTH_EAST}]+")
_SINGLE = re.compile(f"[{_HAN}]")
_SYLLABLES = re.compile(f"[{_HANGUL}]+")
# soft hyphens and the like, and the optional vowel signs of Arabic and Hebrew
_INVISIBLE = re.compile(
    "[\u00ad\u0591-\u05c7\u0640\u064b-\u0652\u0670\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_ACCENTS = re.compile("([a-z\u03b1-\u03c9])[\u0300-\u036f]+|(?<=[\u0430-\u044f])[\u0300\u0301]")
_FOLDED = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "ё": "е",
    "أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه",
})  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
_DIGIT = re.compile(r"\d")
_THOUSANDS = re.compile(r"\d{1,3}([.,'’])\d{3}(?:\1\d{3})*")
_DECIMAL = re.compile(r"\d+[.,]\d+")
# Harman's S-stemmer, "How Effective Is Suffixing?", 1991
_PLURAL = re.compile(r"(?<=[a-z]{2})(?:(?<![ae])ies|(?<![uis])s)$")
_SYMBOLS = {"++": "plusplus", "#": "sharp"}

Term = tuple[str, int]  # and what it counts for in a question


def words_of(*parts: str) -> str:
    """The terms of a chunk's title, section and text, between blanks: at most `MAX_BYTES`.

    Where they would be more, each counts once and the last are left out.
    """
    terms = [term for part in parts for term, _ in _terms(part)]
    if sum(len(term.encode()) + 1 for term in terms) <= MAX_BYTES:
        return " ".join(terms)
    kept = " ".join(dict.fromkeys(terms)).encode()[:MAX_BYTES].decode(errors="ignore")
    return kept.rpartition(" ")[0]


def question_words(question: str) -> str:
    """The terms to ask for, each once or as often as it counts; empty when there are none.

    Stop words are left out where others remain.
    """
    weights: dict[str, int] = {}
    for term, weight in _terms(question):
        weights[term] = max(weight, weights.get(term, 0))
    telling = [term for term in weights if term not in STOP_WORDS] or list(weights)
    if len(telling) > MAX_QUESTION_TERMS:
        half = MAX_QUESTION_TERMS // 2
        telling = telling[:half] + telling[-half:]
    return " ".join(term for term in telling for _ in range(weights[term]))


def _terms(text: str) -> Iterator[Term]:
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    for match in _chain().finditer(text):
        chain = match["chain"]
        segments = _segment().findall(chain)
        for segment in segments:
            yield from _segment_terms(segment) if len(segment) <= MAX_TERM else _analyzed(segment)
        if len(segments) > 1:
            yield _whole(_joined(chain, segments))
        if symbol := match["symbol"]:
            yield _whole(segments[-1] + _SYMBOLS[symbol])


@lru_cache(16_384)
def _segment_terms(segment: str) -> tuple[Term, ...]:
    return tuple(_analyzed(segment))


def _analyzed(segment: str) -> Iterator[Term]:
    """Of what hyphens, apostrophes, underscores and capitals inside hold together."""
    parts = [part for word in _word().findall(segment) for part in _CAMEL.split(word) if part]
    for part in parts:
        yield from _word_terms(_folded(part))
    if len(parts) > 1:
        yield _whole("".join(parts))


def _word_terms(word: str) -> Iterator[Term]:
    if word.isascii():
        yield from _spaced(word)
        return
    start = 0
    for run in _PAIRED.finditer(word):
        yield from _spaced(word[start : run.start()])
        yield from _pairs(run[0])
        start = run.end()
    yield from _spaced(word[start:])


def _spaced(word: str) -> Iterator[Term]:
    """Of a word between blanks. Numbers have no endings."""
    if not word:
        return
    if not word.isascii() and _SYLLABLES.fullmatch(word):
        yield word[:MAX_TERM], _STEM_WEIGHT
        if len(word) > 2:
            yield from ((a + b, 1) for a, b in pairwise(word))
        return
    whole = word in STOP_WORDS or _DIGIT.search(word)
    stem = word if whole else _PLURAL.sub(_singular, word)[:STEM]
    yield _letters(stem), _STEM_WEIGHT
    if stem != word:
        yield _letters(word), 1


def _singular(plural: re.Match[str]) -> str:
    return "y" if plural[0] == "ies" else ""


def _pairs(run: str) -> Iterator[Term]:
    """Of letters without blanks between words, each with the marks that follow it."""
    clusters = _cluster().findall(run)
    for cluster in clusters:
        if len(clusters) == 1 or _SINGLE.fullmatch(cluster):
            yield _letters(cluster), 1
    yield from ((_letters(a + b), _STEM_WEIGHT) for a, b in pairwise(clusters))


def _whole(text: str) -> Term:
    return _letters(_folded(text)), _STEM_WEIGHT


def _joined(chain: str, segments: list[str]) -> str:
    """One name for what points and slashes hold together; 1.000 is 1000, and 3,5 is not 35."""
    if _THOUSANDS.fullmatch(chain) or not _DECIMAL.fullmatch(chain):
        return "".join(part for segment in segments for part in _word().findall(segment)).replace(
            "_", ""
        )
    return "point".join(segments)


def _folded(word: str) -> str:
    word = word.casefold()
    if word.isascii():
        return word
    spread = _ACCENTS.sub(r"\1", unicodedata.normalize("NFKD", word))
    return unicodedata.normalize("NFC", spread).translate(_FOLDED)


def _letters(term: str) -> str:
    """As Milvus Lite keeps it in one piece: it takes marks that are no letters for blanks."""
    term = term[:MAX_TERM]
    if term.isalnum():
        return term
    return "".join(sign if sign.isalnum() else f"x{ord(sign):x}" for sign in term)


@cache
def _marks() -> str:
    """Signs that belong to the letter before them, such as the vowels of Hindi and Thai."""
    points = range(0x300, 0x12000)
    return "".join(chr(n) for n in points if unicodedata.category(chr(n)) in ("Mn", "Mc", "Me"))


@cache
def _word() -> re.Pattern[str]:
    return re.compile(rf"[\w{_marks()}]+")


@cache
def _segment() -> re.Pattern[str]:
    """Words with hyphens and apostrophes between; a hyphen may stand at a line's end."""
    word = rf"[\w{_marks()}]+"
    return re.compile(rf"{word}(?:(?:['’‐‑-]|[‐-]\s+(?=[^\W\d_])){word})*")


@cache
def _chain() -> re.Pattern[str]:
    return re.compile(
        rf"(?P<chain>{_segment().pattern}(?:[./\\:@&]{_segment().pattern})*)(?P<symbol>\+\+|\#(?!\w))?"
    )


@cache
def _cluster() -> re.Pattern[str]:
    return re.compile(rf".[{_marks()}]*")
