"""The title of an Office document: of its properties, or its first heading."""

from collections.abc import Sequence

from data_prep.documents.formats.titles import is_placeholder


def document_title(given: str, headings: Sequence[tuple[int, str]]) -> str:
    """`given` where it says something, else the first heading of the highest level."""
    if not is_placeholder(given):
        return given.strip()
    first = next((text for level, text in headings if level == 1), "")
    return first or (headings[0][1] if headings else "")
