"""The pages of a PDF as pieces of lines, read by pdfium.

pdfium is not safe with threads: one document at a time in a process, as in the sandbox.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from data_prep.documents.formats.parsed import ParseError, clean
from data_prep.documents.formats.pdf.page.extras import Annotations
from data_prep.documents.formats.pdf.page.letters import is_garbage
from data_prep.documents.formats.pdf.page.lines import make_pieces, turn, turned
from data_prep.documents.formats.pdf.page.shapes import Page, Rule
from data_prep.documents.formats.pdf.page.words import Word, WordReader

_MAX_OBJECTS = 20_000
_MAX_RULES = 2_000
_THIN = 2.5
_REASONS = {2: "its file cannot be read", 3: "not a PDF, or cut off", 5: "an unknown encryption"}
_PASSWORD = 4


@contextmanager
def opened(data: bytes) -> Iterator[tuple[Any, Any]]:
    """(pdfium, document); ParseError for one that is damaged or locked."""
    import pypdfium2.raw as raw

    document = raw.FPDF_LoadMemDocument64(data, len(data), None)
    if not document:
        code = raw.FPDF_GetLastError()
        if code == _PASSWORD:
            raise ParseError("PDF is encrypted; remove its password first")
        raise ParseError(f"PDF is damaged: {_REASONS.get(code, f'pdfium gives error {code}')}")
    try:
        if raw.FPDF_GetPageCount(document) < 1:
            raise ParseError("PDF is damaged: it has no pages")
        yield raw, document
    finally:
        raw.FPDF_CloseDocument(document)


def read_pages(raw: Any, document: Any) -> Iterator[Page | None]:
    """The pages in order; None for one that is damaged."""
    reader, annotations = WordReader(), Annotations(raw, document)
    try:
        for index in range(raw.FPDF_GetPageCount(document)):
            page = raw.FPDF_LoadPage(document, index)
            if not page:
                yield None
                continue
            try:
                yield _read(raw, page, index + 1, reader, annotations)
            finally:
                raw.FPDF_ClosePage(page)
    finally:
        annotations.close()


def _read(raw: Any, page: Any, number: int, reader: WordReader, annotations: Annotations) -> Page:
    words, letters, bad = reader.words(page)
    values, comments = annotations.read(page)
    turns = turn(words)
    for value in values:
        value.font.turns = turns
        _put_beside(value, words)
    rules, pictures = _drawn(raw, page, turns)
    pieces, turned_texts = make_pieces([*words, *values], turns, rules)
    for piece in pieces:
        piece.text = clean(piece.text)
    box = raw.FS_RECTF()
    raw.FPDF_GetPageBoundingBox(page, ctypes.byref(box))
    _, bottom, _, top = turned((box.left, box.bottom, box.right, box.top), turns)
    garbage = is_garbage([piece.text for piece in pieces if not piece.mono], letters, bad)
    asides = [clean(text) for text in [*turned_texts, *comments]]
    if garbage:
        pieces, asides = [], [clean(comment) for comment in comments]
    return Page(number, top, bottom, pieces, rules, asides, pictures, garbage)


def _put_beside(value: Word, words: list[Word]) -> None:
    """Set a form's value on the baseline of the label left of it or in its height."""
    x, y = value.origin
    near = [
        word for word in words
        if abs(word.origin[1] - y) < 0.8 * value.font.size and word.font.turns == 0
    ]  # fmt: skip
    if near and value.font.turns == 0:
        label = min(near, key=lambda word: (word.right > x, abs(word.origin[1] - y)))
        value.origin = x, label.origin[1]


def _drawn(raw: Any, page: Any, turns: int) -> tuple[list[Rule], bool]:
    """Straight lines and edges of boxes, and whether there is anything that is no text."""
    rules: list[Rule] = []
    pictures = False
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    at = [ctypes.byref(side) for side in (left, bottom, right, top)]
    for index in range(min(raw.FPDFPage_CountObjects(page), _MAX_OBJECTS)):
        shown = raw.FPDFPage_GetObject(page, index)
        kind = raw.FPDFPageObj_GetType(shown)
        if kind == raw.FPDF_PAGEOBJ_PATH:
            pictures = True
            if len(rules) < _MAX_RULES and raw.FPDFPageObj_GetBounds(shown, *at):
                box = left.value, bottom.value, right.value, top.value
                rules.extend(_edges(turned(box, turns)))
        elif kind in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM, raw.FPDF_PAGEOBJ_SHADING):
            pictures = True
    return rules, pictures


def _edges(box: Rule) -> list[Rule]:
    x0, y0, x1, y1 = box
    if x1 - x0 < _THIN or y1 - y0 < _THIN:
        return [box] if max(x1 - x0, y1 - y0) > 4 * _THIN else []
    return [(x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)]
