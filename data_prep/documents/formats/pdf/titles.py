"""The title of a PDF whose author gave none: its largest line."""

from collections.abc import Sequence

from data_prep.documents.formats.pdf.page.shapes import Line

_MAX_CHARS = 200
_LARGER = 1.15
_MAX_LINES = 4


def largest_line(lines: Sequence[Line], body: float) -> str:
    """The heading in the largest font of the first page, when it is larger than ordinary text."""
    sizes = [line.size for line in lines if sum(map(str.isalpha, line.text)) > 2]
    if not sizes or max(sizes) < body * _LARGER:
        return ""
    top = max(sizes)
    title: list[str] = []
    for line in lines:
        if line.size >= top * 0.97 and len(title) < _MAX_LINES:
            title.append(line.text)
        elif title:
            break
    return " ".join(title)[:_MAX_CHARS]
