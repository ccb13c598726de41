"""The title of an Office document: of its properties, or its first heading."""

import re
from collections.abc import Sequence

_GENERIC = re.compile(
    r"(?:microsoft (?:word|powerpoint) - .*|powerpoint.presentation|dokument ?\d*|document ?\d*|untitled.*|"
    r"\[?no title\]?|unbenannt.*|word document|title|titel|.{0,200}\.(?:docx?|odt|rtf|dotx?)|)",
    re.IGNORECASE,
)


def document_title(given: str, headings: Sequence[tuple[int, str]]) -> str:
    """`given` where it says something, else the first heading of the highest level."""
    if not _GENERIC.fullmatch(given.strip()):
        return given.strip()
    first = next((text for level, text in headings if level == 1), "")
    return first or (headings[0][1] if headings else "")
