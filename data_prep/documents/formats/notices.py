"""What of an indexed document is not searched, or not as its author meant it: every kind, in one place.

Reports group notices by kind, over all formats: the same loss has the same kind in each of them.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    # there, but without words
    "pages without text", "slides without text", "sheets without cells", "pictures without text",
    "charts without values", "formulas without values",
    # words that could not be had, in part or in full
    "damaged pages", "unreadable pages", "missing chapters", "unreadable structure",
    "unreadable front matter", "unknown words",
    # left out by rule
    "hidden sheets", "hidden slides", "hidden cells", "cell comments", "error values", "attached files",
    "binary data", "metadata left out", "shortened outputs", "parts elsewhere",
]  # fmt: skip
_NAMED = 20  # files that a notice names


@dataclass(frozen=True, slots=True)
class Notice:
    """`text` says it of one document, with counts; `kind` is what reports group it by."""

    kind: Kind
    text: str


def counted(count: int, one: str, many: str = "") -> str:
    """`1 row` or `2 rows`; `many` where it is not `one` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def parts_elsewhere(count: int, command: str) -> tuple[Notice, ...]:
    """A notice of what a document takes from other files by a command; none when it takes nothing."""
    if not count:
        return ()
    parts = counted(count, "part that lies", "parts that lie")
    verb = "is" if count == 1 else "are"
    return (
        Notice("parts elsewhere", f"{parts} in other files ({command}) {verb} not in the text"),
    )


def undescribed_pictures(count: int) -> tuple[Notice, ...]:
    """A notice of pictures that nothing describes; none when there are none."""
    if not count:
        return ()
    verb = "is" if count == 1 else "are"
    text = f"{counted(count, 'picture')} without a description {verb} not searched"
    return (Notice("pictures without text", text),)


def attached_files(names: list[str], count: int) -> tuple[Notice, ...]:
    """A notice of files inside of a file, `count` in all, by the first of their names."""
    if not count:
        return ()
    shown = ", ".join(names[:_NAMED]) + (", ..." if count > len(names[:_NAMED]) else "")
    verb = "is" if count == 1 else "are"
    return (
        Notice("attached files", f"{counted(count, 'attached file')} {verb} not read: {shown}"),
    )
