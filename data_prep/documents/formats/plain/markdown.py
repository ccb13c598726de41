"""Markdown, MDX and their kin: text with its headings as `#` lines, front matter as metadata."""

import re
from typing import Any

from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.parsed import Parsed
from data_prep.documents.formats.plain.binary_data import without_binary_data
from data_prep.documents.formats.plain.front_matter import FrontMatterError, split_front_matter
from data_prep.documents.formats.plain.headings import first_heading, with_hash_headings
from data_prep.documents.formats.plain.mdx import without_components
from data_prep.documents.formats.tables.markdown import spell_out_tables
from data_prep.documents.formats.text import decode

_TITLES = ("title", "Title", "TITLE")


def parse_markdown(data: bytes) -> Parsed:
    """The title is that of the front matter, else the first heading."""
    return read_markdown(decode(data))


def parse_mdx(data: bytes) -> Parsed:
    """Markdown with components: their text stays, what only a program reads goes."""
    return read_markdown(decode(data), components=True)


def read_markdown(source: str, components: bool = False) -> Parsed:
    """Markdown that is text already."""
    metadata: dict[str, Any] = {}
    source, found = without_binary_data(source)
    notices = list(found)
    try:
        metadata, body = split_front_matter(source)
    except FrontMatterError as error:
        body = source
        reason = f"the front matter is not read, it stays in the text: {error}"
        notices.append(Notice("unreadable front matter", reason))
    lines = [line for line, _ in with_hash_headings(body.split("\n"))]
    if components:
        lines = list(without_components(lines))
    spelt = spell_out_tables("\n".join(lines))
    text = re.sub(r"\n{4,}", "\n\n\n", spelt).strip("\n")
    named = next((str(metadata[key]) for key in _TITLES if _is_words(metadata.get(key))), "")
    return Parsed(
        named or first_heading(text), text, metadata=metadata, markdown=True, notices=tuple(notices)
    )


def _is_words(title: Any) -> bool:
    return isinstance(title, (str, int, float)) and bool(str(title).strip())
