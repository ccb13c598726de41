"""Document -> chunks: token-exact spans, cut where sections, paragraphs or sentences end.

A chunk is `document.text[start:end]`, nothing added, so a quote in a chunk is a quote in its
document. Tokens are those of the embedder. What gets embedded is `titled(...)`: the title and the headings
above the chunk, then its text, because a chunk deep in a document often never names its subject.
`HEAD_TOKENS` of the embedder's input are kept free for them, so nothing is ever cut off silently.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster.keys import content_id
from cluster.records import SECTION_MARK, Chunk, Document
from cluster.settings import ChunkSettings
from data_prep.chunking.cutter import HEAD_TOKENS, MAX_CHARS, Span

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# parser and splitter as part of every chunk id: change one, count it up, and all chunks are new
ALGORITHM = "parse/3+sections/1"
SECTION_CHARS = 600


def describe_chunker(
    settings: ChunkSettings, embedder: str, parsing: Mapping[str, Any]
) -> dict[str, Any]:
    """What decides chunk borders; `fingerprint` names it in chunk ids and in the index.

    `parsing` are the settings by which documents become text.
    """
    parts = {"algorithm": ALGORITHM, **parsing, "embedder": embedder, **settings.model_dump()}
    return {**parts, "fingerprint": content_id(parts, HEAD_TOKENS, MAX_CHARS, length=12)}


class Chunker:
    """Makes chunks of the spans of documents; `fingerprint` is that of `describe_chunker`."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint

    def chunks(self, document: Document, spans: Sequence[Span]) -> list[Chunk]:
        """One for each span."""
        return [self._chunk(document, span) for span in spans]

    def _chunk(self, document: Document, span: Span) -> Chunk:
        text = document.text[span.start : span.end]
        return Chunk(
            chunk_id=content_id(document.doc_id, self._fingerprint, span.start, span.end, text),
            doc_id=document.doc_id,
            uri=document.uri,
            title=document.title,
            text=text,
            page=span.page,
            start=span.start,
            end=span.end,
            tokens=span.tokens,
            metadata=dict(document.metadata),
            section=SECTION_MARK.join(span.path)[:SECTION_CHARS],
        )


def titled(title: str, section: str, text: str, tokenizer: "Tokenizer") -> str:
    """What is embedded for a chunk: its title and section, cut to fit, and its text.

    Of a long section the end stays, which is closest to the text; it may take half of the room.
    """
    parts = [part for part in section.split(SECTION_MARK) if part and part != title]
    room = HEAD_TOKENS - 1  # the line break after them may be a token
    below = _last(SECTION_MARK.join(parts), room // 2 if title else room, tokenizer)
    mark = SECTION_MARK if title and below else ""
    above = _first(title, room - _count(mark + below, tokenizer), tokenizer)
    head = above + mark + below
    return f"{head}\n{text}" if head else text


def _count(text: str, tokenizer: "Tokenizer") -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids) if text else 0


def _first(text: str, tokens: int, tokenizer: "Tokenizer") -> str:
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets if text else []
    return text if len(offsets) <= tokens else text[: offsets[tokens - 1][1]]


def _last(text: str, tokens: int, tokenizer: "Tokenizer") -> str:
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets if text else []
    return text if len(offsets) <= tokens else text[offsets[-tokens][0] :]
