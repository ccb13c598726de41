"""A generation without an index, for what reads its chunk files: documents of overlapping chunks."""

from typing import Any

from cluster.records import Chunk

MANIFEST: dict[str, Any] = {
    "corpus": "texts", "generation": "g-1", "collection": "c", "chunker": {}, "embedder": "minilm",
    "dimension": 8, "documents": 0, "chunks": 0,
}  # fmt: skip
_CHUNK_CHARS, _OVERLAP = 160, 40
_THINGS = ("lamps", "bolts", "gardens", "rivers", "clocks", "songs", "bridges", "kettles", "maps")


def text_of(number: int) -> str:
    """The text of document `number`: longer ones for higher numbers."""
    lines = [f"Document d{number:04d} is about {_THINGS[number % 9]} and nothing else."]
    lines += [
        f"Sentence {n} tells that {_THINGS[(number + n) % 9]} number {number * 31 + n} of series "
        f"{number} were sold to {_THINGS[(number * 7 + n) % 9]} makers."
        for n in range(1 + number % 9)
    ]
    return " ".join(lines)


def documents(count: int) -> list[Chunk]:
    """The chunks of `count` documents, in their order."""
    found = []
    for number in range(count):
        doc, text = f"d{number:04d}", text_of(number)
        for start in range(0, len(text), _CHUNK_CHARS - _OVERLAP):
            piece = text[start : start + _CHUNK_CHARS]
            name = f"{(number * 7919 + start) % 99991:05d}-{doc}-{start}"
            found.append(
                Chunk(name, doc, f"file:{doc}", doc, piece, None, start, start + len(piece), 30)
            )
    return found
