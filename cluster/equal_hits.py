"""Hits with the same text are one hit with several places. Pure.

Texts are the same when they differ in white space, case, compatibility forms (ligatures), and in the marks
of Markdown or of a quoted mail only: then they say the same. Texts that differ in a word, a number or a
date are different: nothing tells a copy with another date from a table's next row.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from cluster.records import Hit, Place

_LINE_MARKS = re.compile(r"^(?:[ \t]*(?:>|#{1,6}[ \t]|[-*+•][ \t]))+", re.MULTILINE)
_INLINE_MARKS = re.compile(r"\*\*|__|`|\u00ad|\u200b")


def fold(hits: Sequence[Hit]) -> list[Hit]:
    """The best hit of each text, ranked anew; the others' places are in its `also`, the best first."""
    first: dict[str, Hit] = {}
    others: dict[str, list[Place]] = {}
    for hit in hits:
        key = _said(hit.chunk.text)
        if key not in first:
            first[key] = hit
            others[key] = []
            continue
        others[key] += [_place(hit), *hit.also]
    return [
        replace(hit, rank=rank, also=(*hit.also, *others[key]))
        for rank, (key, hit) in enumerate(first.items(), 1)
    ]


def _place(hit: Hit) -> Place:
    chunk = hit.chunk
    return Place(chunk.chunk_id, chunk.doc_id, chunk.uri, chunk.title, chunk.page)


def _said(text: str) -> str:
    plain = _INLINE_MARKS.sub("", _LINE_MARKS.sub("", text))
    said = " ".join(unicodedata.normalize("NFKC", plain).casefold().split())
    return said or text
