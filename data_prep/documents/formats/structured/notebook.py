"""Jupyter notebooks: words as they are, code in fences, what cells printed in short."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from data_prep.documents.formats.notices import Notice, counted
from data_prep.documents.formats.parsed import Parsed, ParseError, clean
from data_prep.documents.formats.plain.markdown import read_markdown
from data_prep.documents.formats.plain.text import fenced
from data_prep.documents.formats.structured.values import parse_json
from data_prep.documents.formats.text import decode

_OUTPUT_CHARS = 2000  # of what one cell printed; the rest is for machines
_ATTACHED = re.compile(r"!\[([^\[\]]*)\]\(attachment:[^()\s]*\)")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def parse_notebook(data: bytes) -> Parsed:
    """Cells in their order; the title is the first heading. Pictures are counted, long outputs cut."""
    try:
        book = json.loads(decode(data))
    except (ValueError, RecursionError) as error:
        raise ParseError(f"not a notebook: {error}") from error
    cells = _cells(book)
    if cells is None:
        return parse_json(data)
    language = _language(book)
    left = _LeftOut()
    parts = [part for cell in cells for part in _cell(cell, language, left)]
    found = read_markdown(clean("\n\n".join(parts)))
    title = _get(book, "metadata", "title")
    named = title if isinstance(title, str) and title.strip() else found.title
    return Parsed(
        clean(named), found.text, metadata=found.metadata, markdown=True,
        notices=(*found.notices, *left.notices()),
    )  # fmt: skip


class _LeftOut:
    """Counts of what no text can show."""

    def __init__(self) -> None:
        self.pictures = 0
        self.cut = 0

    def notices(self) -> Iterator[Notice]:
        """What the counts say."""
        if self.pictures:
            verb = "is" if self.pictures == 1 else "are"
            what = f"{counted(self.pictures, 'picture')} of cells {verb} not read"
            yield Notice("pictures without text", what)
        if self.cut:
            what = f"{counted(self.cut, 'output')} of cells cut to {_OUTPUT_CHARS:,} characters"
            yield Notice("shortened outputs", what)


def _cells(book: Any) -> list[Any] | None:
    """The cells of version 4, or of the worksheets of version 3; None when there are none."""
    cells = _get(book, "cells")
    if cells is None and isinstance(sheets := _get(book, "worksheets"), list):
        cells = [cell for sheet in sheets for cell in _get(sheet, "cells") or []]
    return cells if isinstance(cells, list) else None


def _cell(cell: Any, language: str, left: _LeftOut) -> Iterator[str]:
    kind = _get(cell, "cell_type")
    source = _text(_get(cell, "source") or _get(cell, "input")).strip("\n")
    if kind == "code":
        if source.strip():
            yield fenced(source, language)
        outputs = _get(cell, "outputs")
        for output in outputs if isinstance(outputs, list) else []:
            yield from _output(output, left)
    elif kind == "heading":
        level = _get(cell, "level")
        yield f"{'#' * min(max(level if isinstance(level, int) else 1, 1), 6)} {source}"
    elif source.strip():
        yield _ATTACHED.sub(r"\1", source) if kind == "markdown" else source


def _output(output: Any, left: _LeftOut) -> Iterator[str]:
    """What was printed or is the value of a cell; errors and pictures are no text of the author."""
    shown = _get(output, "data") or output
    left.pictures += any(
        str(kind).startswith(("image/", "png", "jpeg", "svg")) for kind in shown or ()
    )
    markdown = _text(_get(shown, "text/markdown"))
    text = markdown or _text(_get(shown, "text/plain")) or _text(_get(output, "text"))
    text = _ESCAPES.sub("", text).strip("\n")
    if not text.strip() or (re.match(r"<[^\n]*>$", text) and "\n" not in text):
        return  # the name of an object in memory
    left.cut += len(text) > _OUTPUT_CHARS
    yield markdown or fenced(text[:_OUTPUT_CHARS])


def _language(book: Any) -> str:
    name = _get(book, "metadata", "language_info", "name") or _get(
        book, "metadata", "kernelspec", "language"
    )
    return name if isinstance(name, str) else "python"


def _text(value: Any) -> str:
    """A text, or its lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def _get(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
