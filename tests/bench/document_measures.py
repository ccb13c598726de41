"""What of a document is found in its chunks: words, headings, rows of tables, pages. Pure functions.

A chunk is a dict with `text`, `section`, `page`, `start` and `end`, as `document_chunks` prints it. Both
sides of every comparison are normalised alike, so that no way of writing a ligature, a hyphen at a line's end
or a Markdown mark decides.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Chunks = Sequence[Mapping[str, Any]]
SECTION_MARK = " > "
_WORD = re.compile(r"[^\W\d_]{4,}")
# not \w, which ends at the signs that Burmese or Thai words are full of
_TOKEN = re.compile(r"[^\s!-/:-@\[-`{-~]+")
_LINE_END_HYPHEN = re.compile(r"(\w)[-\u2010\u00ad][ \t]*\n\s*(\w)")
_BROKEN_WORD = re.compile(r"([^\W\d_]+)[-\u2010\u00ad][ \t]*\n\s*([^\W\d_]+)")
_HYPHEN = re.compile(r"(?<=\w)[-\u2010\u00ad\u200b](?=\w)")
_SOFT = re.compile(r"[\u00ad\u200b\u2060\ufeff]")
_MARKS = re.compile(r"[`*_\\|]")
_HEADING_MARK = re.compile(r"^\s*#{1,6}\s+|\s+#*\s*$")
_NUMBERING = re.compile(
    r"^(?:(?:chapter|appendix|part|section)\s+)?(?:\d+|[a-z]|[ivxl]+)?(?:\.\d+)*[.:)]?\s+(?=\S)"
)
_PERMALINK = re.compile(r"\s*[\u00b6\u00a7#\uf0c1\u2693]+\s*$")
_SQUEEZED = re.compile(r"[\s\-\u2010\u2011\u00ad\u200b`*_\\|]+")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_PAGE_NUMBER = re.compile(r"\d+|\b[ivxl]+\b")
# lines that a wrapped heading may take
_HEADING_LINES = 3
_EDGE_LINES, _HEAD_PAGES = 3, 3
# a page is as good as the best one when it holds nine tenths of what that one holds
_AS_GOOD = 0.9
_FEWEST_GRAMS = 5


@dataclass(frozen=True, slots=True)
class Share:
    """`found` of `total`; `missed` holds the first few that were not."""

    found: int
    total: int
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: the names of its filled columns, and for each cell the ways to write it."""

    headers: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


def whole_text(chunks: Chunks) -> str:
    """The text that the chunks cover, what two of them share once."""
    parts, covered = [], 0
    for chunk in sorted(chunks, key=lambda chunk: (chunk["start"], chunk["end"])):
        if chunk["end"] <= covered:
            continue
        gap = "\n" if chunk["start"] > covered else ""
        parts.append(gap + chunk["text"][max(covered - chunk["start"], 0) :])
        covered = chunk["end"]
    return "".join(parts)


def plain(text: str) -> str:
    """Compatibility forms, no ligatures, no case."""
    return unicodedata.normalize("NFKC", text).casefold()


def words(text: str) -> Counter[str]:
    """Words of at least four letters."""
    return Counter(_WORD.findall(_SOFT.sub("", plain(text))))


def word_recall(truth: str, text: str, shown: int = 12) -> Share:
    """How many words of `truth` stand in `text`, each as often as there.

    A hyphen may be kept or joined on either side.
    """
    wanted, found = words(truth), _most(text)
    missed = wanted - found
    spare = found - wanted
    for first, second in _BROKEN_WORD.findall(plain(truth)):
        joined = first + second
        if (missed[first] > 0 or missed[second] > 0) and spare[joined] > 0:
            missed -= Counter((first, second))
            spare[joined] -= 1
    missed = +missed
    total, lost = wanted.total(), missed.total()
    return Share(total - lost, total, tuple(word for word, _ in missed.most_common(shown)))


def body_of(pages: Sequence[str], layouts: Sequence[str]) -> str:
    """The text of pages without running heads, feet, page numbers and column names told anew.

    `layouts` are the same pages with each line as wide as it is printed. What is among the first or last
    three of them on at least three pages, numbers aside, is left out where `pages` have it, also in parts.
    """
    edges = [{_edge_key(line) for line in _edges(layout)} for layout in layouts]
    counts = Counter(key for page in edges for key in page if key)
    kept = []
    for page, keys in zip(pages, edges, strict=True):
        running = [key for key in keys if counts[key] >= _HEAD_PAGES]
        kept.append(_without(page.splitlines(), running))
    return "\n".join(line for lines in kept for line in lines)


def heading_key(heading: str) -> str:
    """A heading without marks, numbering, permalink sign and case."""
    bare = _SOFT.sub("", _HEADING_MARK.sub("", _MARKS.sub("", plain(heading))))
    spaced = " ".join(_PERMALINK.sub("", bare).split())
    return _NUMBERING.sub("", spaced, count=1) if len(spaced.split()) > 1 else spaced


def headings_kept(headings: Iterable[str], chunks: Chunks) -> Share:
    """Headings that are a section of a chunk, or up to three lines of their own in a chunk."""
    known = section_keys(chunks)
    for chunk in chunks:
        lines = [line for line in chunk["text"].splitlines() if line.strip()]
        for size in range(1, _HEADING_LINES + 1):
            known.update(
                heading_key(" ".join(lines[at : at + size])) for at in range(len(lines) - size + 1)
            )
    return _share(headings, known)


def headings_as_sections(headings: Iterable[str], chunks: Chunks) -> Share:
    """Headings that are a section of a chunk."""
    return _share(headings, section_keys(chunks))


def section_keys(chunks: Chunks) -> set[str]:
    """The headings of all section paths."""
    paths = {chunk["section"] for chunk in chunks if chunk["section"]}
    return {heading_key(part) for path in paths for part in path.split(SECTION_MARK)}


def rows_kept(rows: Sequence[Row], chunks: Chunks, shown: int = 5) -> Share:
    """Rows of which one chunk holds the names of the columns and, in one paragraph, every cell."""
    texts = [
        (squeezed(chunk["text"]), [squeezed(part) for part in _BLANK_LINE.split(chunk["text"])])
        for chunk in chunks
    ]
    missed = [row for row in rows if not any(_holds(*text, row) for text in texts)]
    examples = [" | ".join(cell[0] for cell in row.cells)[:150] for row in missed[:shown]]
    return Share(len(rows) - len(missed), len(rows), tuple(examples))


def squeezed(text: str) -> str:
    """Nothing but what is written: no white space, hyphens or marks."""
    return _SQUEEZED.sub("", plain(text))


def pages_right(chunks: Chunks, pages: Sequence[str]) -> dict[str, Any]:
    """Chunks whose page holds most of their text; of the wrong ones those one too low.

    `pages` are the texts of pages 1, 2, ... by another program. Three words in a row count where one page
    alone has them, by the letters of the middle one. Chunks with too few of them are `unjudged`.
    """
    counts = Counter(gram for page in pages for gram in _grams(page))
    own = [{gram for gram in _grams(page) if counts[gram] == 1} for page in pages]
    right = low = unjudged = 0
    for chunk in chunks:
        grams = _grams(chunk["text"])
        shared = [grams & page for page in own]
        if sum(map(len, shared)) < _FEWEST_GRAMS or chunk["page"] is None:
            unjudged += 1
            continue
        letters = [sum(len(word) for _, word, _ in found) for found in shared]
        good = [at for at, count in enumerate(letters, 1) if count >= _AS_GOOD * max(letters)]
        right += chunk["page"] in good
        low += chunk["page"] not in good and chunk["page"] + 1 in good
    return {"found": right, "total": len(chunks) - unjudged, "low": low, "unjudged": unjudged}


def title_is_right(title: str, allowed: Iterable[str]) -> bool:
    """Whether a title is one that a person would give."""
    return heading_key(title) in {heading_key(name) for name in allowed}


def _most(text: str) -> Counter[str]:
    """Each word as often as in the kindest reading of hyphens."""
    joined = _LINE_END_HYPHEN.sub(r"\1\2", text)
    return words(text) | words(joined) | words(_HYPHEN.sub("", joined))


def _edges(page: str) -> Sequence[str]:
    lines = [line for line in page.splitlines() if line.strip()]
    return [*lines[:_EDGE_LINES], *lines[-_EDGE_LINES:]]


def _without(lines: Sequence[str], running: list[str]) -> list[str]:
    """Lines that are no part of a running one; long parts are looked for first."""
    order = sorted(range(len(lines)), key=lambda at: -len(lines[at]))
    taken = {at for at in order if _take(_edge_key(lines[at]), running)}
    return [line for at, line in enumerate(lines) if at not in taken]


def _take(part: str, running: list[str]) -> bool:
    """Whether a running line has that part, which is taken from it."""
    for at, line in enumerate(running):
        if part and part in line:
            running[at] = line.replace(part, " ", 1)
            return True
    return False


def _edge_key(line: str) -> str:
    return " ".join(_PAGE_NUMBER.sub("#", plain(line)).split())


def _share(headings: Iterable[str], known: set[str], shown: int = 8) -> Share:
    wanted = [heading for heading in headings if heading_key(heading)]
    missed = [heading for heading in wanted if heading_key(heading) not in known]
    return Share(len(wanted) - len(missed), len(wanted), tuple(missed[:shown]))


def _holds(text: str, paragraphs: Sequence[str], row: Row) -> bool:
    if not all(squeezed(name) in text for name in row.headers):
        return False
    cells = [[squeezed(way) for way in ways] for ways in row.cells]
    if not all(any(way in text for way in ways) for ways in cells):
        return False
    return any(all(any(way in part for way in ways) for ways in cells) for part in paragraphs)


def _grams(text: str) -> set[tuple[str, str, str]]:
    tokens = _TOKEN.findall(plain(text))
    return set(zip(tokens, tokens[1:], tokens[2:], strict=False))
