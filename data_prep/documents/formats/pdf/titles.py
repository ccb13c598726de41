"""The title of a PDF: what its author said, when that says something, or its largest line."""

import re
from collections.abc import Sequence

from data_prep.documents.formats.pdf.page.shapes import Line

_PLACEHOLDER = re.compile(
    r"untitled.*|unbenannt.*|sans titre.*|sin título.*|senza titolo.*|no ?title|title|titel|titre"
    r"|(new |neues )?do[ck]ument\s*\d*|slide\s*\d+|folie\s*\d+|(power ?point )?presentation\s*\d*"
    r"|pr[äa]sentation\s*\d*|book\d*|mappe\d*|sheet\s*\d*|tabelle\s*\d*|index|default|template|vorlage"
    r"|contents|table of contents|inhalt(sverzeichnis)?|index|layout\s*\d*"
    r"|draft|entwurf|scan\w*|print|output|null|none|\(?anonymous\)?|unknown|unspecified"
    r"|microsoft (word|powerpoint|excel)\b.*|(normal|blank)\.(dot|dotm|dotx)|\W*\d*\W*"
    r"|.*\.(docx?|dotx?|pptx?|xlsx?|odt|ods|odp|rtf|txt|tex|dvi|ps|eps|pdf|indd|qxp|qxd|pmd|fm|cdr|ai"
    r"|html?|xml|fo|md|wpd|p65|book|tif|jpe?g|png)"
    r"|(file|https?):.*|[a-z]:\\.*|/\S+/\S*|\S+\\\S+|cid:.*",
    re.IGNORECASE,
)
_MAX_CHARS = 200
_LARGER = 1.15
_MAX_LINES = 4


def is_placeholder(title: str) -> bool:
    """Whether a title says nothing of the document: a program's default, a file's name."""
    return bool(_PLACEHOLDER.fullmatch(title.strip())) or not any(map(str.isalpha, title))


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
