"""What a PDF holds beside the content of its pages: outline, forms, comments, attachments."""

import ctypes
from collections.abc import Iterator
from typing import Any

from data_prep.documents.formats.notices import Notice, attached_files
from data_prep.documents.formats.pdf.page.shapes import OutlineEntry
from data_prep.documents.formats.pdf.page.words import Font, Word

_MAX_ENTRIES = 20_000
_MAX_DEPTH = 12
_MAX_ANNOTATIONS = 5_000
_COMMENTS = ("TEXT", "HIGHLIGHT", "UNDERLINE", "SQUIGGLY", "STRIKEOUT", "STAMP", "CARET", "INK")
_MAX_NAMED = 5


def wide(call: Any, *arguments: Any) -> str:
    """The UTF-16 text that a pdfium call writes into a buffer; empty when there is none."""
    size = call(*arguments, None, 0)
    if size < 2 or size > 1 << 24:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    pointer = call.argtypes[-2]
    call(*arguments, ctypes.cast(buffer, pointer), size)
    return bytes(buffer)[:size].decode("utf-16-le", "replace").rstrip("\0")


def metadata_title(raw: Any, document: Any) -> str:
    """What the document says that its title is."""
    return wide(raw.FPDF_GetMetaText, document, b"Title")


def outline(raw: Any, document: Any) -> list[OutlineEntry]:
    """Bookmarks with their levels and pages; a loop among them ends."""
    found: list[OutlineEntry] = []
    seen: set[int] = set()
    stack = [(raw.FPDFBookmark_GetFirstChild(document, None), 1)]
    while stack and len(found) < _MAX_ENTRIES:
        mark, level = stack.pop()
        if not mark or ctypes.addressof(mark.contents) in seen or level > _MAX_DEPTH:
            continue
        seen.add(ctypes.addressof(mark.contents))
        target = raw.FPDFBookmark_GetDest(document, mark)
        if not target and (action := raw.FPDFBookmark_GetAction(mark)):
            target = raw.FPDFAction_GetDest(document, action)
        page = raw.FPDFDest_GetDestPageIndex(document, target) if target else -1
        if page >= 0:
            found.append((wide(raw.FPDFBookmark_GetTitle, mark), level, page + 1))
        stack.append((raw.FPDFBookmark_GetNextSibling(document, mark), level))
        stack.append((raw.FPDFBookmark_GetFirstChild(document, mark), level + 1))
    return found


def attachments(raw: Any, document: Any) -> tuple[Notice, ...]:
    """Files inside of the file: these are not read."""
    count = raw.FPDFDoc_GetAttachmentCount(document)
    names = [
        wide(raw.FPDFAttachment_GetName, raw.FPDFDoc_GetAttachment(document, at)) or "unnamed"
        for at in range(min(count, _MAX_NAMED))
    ]
    return attached_files(names, max(count, 0))


class Annotations:
    """Reads what is filled in or written on the pages of a document; close it before the document."""

    def __init__(self, raw: Any, document: Any) -> None:
        self._raw = raw
        self._info = raw.FPDF_FORMFILLINFO(version=2)
        self._form = raw.FPDFDOC_InitFormFillEnvironment(document, ctypes.byref(self._info))

    def close(self) -> None:
        if self._form:
            self._raw.FPDFDOC_ExitFormFillEnvironment(self._form)

    def read(self, page: Any) -> tuple[list[Word], list[str]]:
        """Values as words at the places of their fields, and comments."""
        raw = self._raw
        values: list[Word] = []
        comments: list[str] = []
        count = min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)
        for at in range(max(count, 0)):
            annotation = raw.FPDFPage_GetAnnot(page, at)
            if not annotation:
                continue
            try:
                kind = raw.FPDFAnnot_GetSubtype(annotation)
                if kind == raw.FPDF_ANNOT_WIDGET:
                    values.extend(self._words(annotation, self._value(annotation)))
                elif kind == raw.FPDF_ANNOT_FREETEXT:
                    values.extend(self._words(annotation, _string(raw, annotation, b"Contents")))
                elif kind in [getattr(raw, f"FPDF_ANNOT_{name}") for name in _COMMENTS]:
                    comments.append(" ".join(_string(raw, annotation, b"Contents").split()))
            finally:
                raw.FPDFPage_CloseAnnot(annotation)
        return values, [comment for comment in comments if comment]

    def _value(self, annotation: Any) -> str:
        raw = self._raw
        if not self._form:
            return ""
        kind = raw.FPDFAnnot_GetFormFieldType(self._form, annotation)
        if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
            state = _string(raw, annotation, b"AS")
            checked = state != "Off" if state else raw.FPDFAnnot_IsChecked(self._form, annotation)
            return "[x]" if checked else "[ ]"
        if kind in (raw.FPDF_FORMFIELD_PUSHBUTTON, raw.FPDF_FORMFIELD_SIGNATURE):
            return ""
        if (
            raw.FPDFAnnot_GetFormFieldFlags(self._form, annotation)
            & raw.FPDF_FORMFLAG_TEXT_PASSWORD
        ):
            return ""
        return wide(raw.FPDFAnnot_GetFormFieldValue, self._form, annotation)

    def _words(self, annotation: Any, value: str) -> Iterator[Word]:
        """Each line of a value as one word, from the top of the box that holds it."""
        box = self._raw.FS_RECTF()
        lines = [" ".join(line.split()) for line in value.splitlines()]
        lines = [line for line in lines if line]
        if not lines or not self._raw.FPDFAnnot_GetRect(annotation, ctypes.byref(box)):
            return
        height = max(box.top - box.bottom, 1.0) / len(lines)
        size = min(max(height * 0.7, 4.0), 12.0)
        font = Font(size, False, False, 0)
        for at, line in enumerate(lines):
            y = box.top - height * (at + 0.5) - size * 0.3
            right = min(max(box.right, box.left + 1), box.left + len(line) * size * 0.5)
            yield Word(line, box.left, y, right, y + size, (box.left, y), font)


def _string(raw: Any, annotation: Any, key: bytes) -> str:
    return wide(raw.FPDFAnnot_GetStringValue, annotation, key)
