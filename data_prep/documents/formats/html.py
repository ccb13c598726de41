"""HTML: the main text without navigation and footers; one block a paragraph."""

import logging
from typing import Any

from data_prep.documents.formats.parsed import FAULTS, Parsed, ParseError, clean
from data_prep.documents.formats.text import refuse_binary

# left out by name: on short pages the extractor keeps everything else it finds
_BESIDE = ["//nav", "//footer"]
# the first pass that finds text counts: asked for recall, the extractor finds nothing at all on some pages
_PASSES: tuple[dict[str, Any], ...] = (
    {"favor_recall": True, "prune_xpath": _BESIDE},
    {"prune_xpath": _BESIDE},
    {},
)


def parse_html(data: bytes) -> Parsed:
    """Title and main text; the encoding is the one that the page declares, or the one that fits."""
    import trafilatura

    refuse_binary(data)
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    for options in _PASSES:
        try:
            page = trafilatura.bare_extraction(
                data, with_metadata=True, include_comments=False, include_tables=True, **options
            )
        except FAULTS as error:
            raise ParseError(f"not readable as HTML: {error}") from error
        if page is not None and (page.text or "").strip():
            blocks = (line.strip() for line in clean(page.text).split("\n"))
            text = "\n\n".join(block for block in blocks if block)
            return Parsed(clean(page.title or ""), text)
    return Parsed("", "")
