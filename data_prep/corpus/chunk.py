"""Document -> chunks: token-exact spans, cut where paragraphs, sentences or Markdown sections end.

A chunk is `document.text[start:end]`, nothing added, so a quote in a chunk is a quote in its
document. Tokens are those of the embedder. What gets embedded is `titled(title, text)`: "title\\ntext"
where there is a title, because a chunk deep in a document often never names its subject. `TITLE_TOKENS`
of the embedder's input are kept free for it, so nothing is ever cut off silently.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from cluster.errors import SettingsError
from cluster.keys import content_id
from cluster.records import Chunk, Document
from cluster.settings import ChunkSettings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# parser and splitter as part of every chunk id: change one, count it up, and all chunks are new
ALGORITHM = "parse/2+semantic-text-splitter/1"
TITLE_TOKENS = 32
MIN_TOKENS = 16
# WordPiece counts a "word" of any length as one token; Milvus takes 65,535 bytes of text (4 a character)
MAX_CHARS = 16_000


def describe_chunker(settings: ChunkSettings, embedder: str, pdf_parser: str) -> dict[str, Any]:
    """What decides chunk borders; `fingerprint` names it in chunk ids and in the index."""
    parser = {"algorithm": ALGORITHM, "pdf_parser": pdf_parser}
    parts = {**parser, "embedder": embedder, **settings.model_dump()}
    return {**parts, "fingerprint": content_id(parts, TITLE_TOKENS, MAX_CHARS, length=12)}


class Chunker:
    """Cuts documents for one embedder: `max_tokens` is its longest input, special tokens included."""

    def __init__(
        self, tokenizer: "Tokenizer", max_tokens: int, settings: ChunkSettings, fingerprint: str
    ) -> None:
        room = max_tokens - tokenizer.num_special_tokens_to_add(False) - TITLE_TOKENS
        if room < MIN_TOKENS:
            raise SettingsError(
                f"models.embedder reads {max_tokens} tokens at once; chunking needs at least "
                f"{MIN_TOKENS + max_tokens - room}: choose another embedder"
            )
        capacity = min(settings.tokens, room)
        overlap = min(settings.overlap, capacity // 2)
        self._tokenizer = tokenizer
        self._fingerprint = fingerprint
        self._text = TextSplitter.from_huggingface_tokenizer(tokenizer, capacity, overlap)
        self._markdown = MarkdownSplitter.from_huggingface_tokenizer(tokenizer, capacity, overlap)

    def split(self, document: Document, markdown: bool, separate: bool = False) -> list[Chunk]:
        """Chunks in rising order; together they cover every character that is not white space.

        With `separate` every page begins a new chunk, so that a chunk's page is that of all its text.
        """
        splitter = self._markdown if markdown else self._text
        starts = sorted({0, *(start for _, start in document.pages)} if separate else {0})
        spans = [
            (start + a, start + b)
            for start, end in zip(starts, [*starts[1:], len(document.text)], strict=True)
            for a, b in _spans(splitter, document.text[start:end])
        ]
        encoded = self._tokenizer.encode_batch(
            [document.text[a:b] for a, b in spans], add_special_tokens=False
        )
        return [
            self._chunk(document, span, len(encoding.ids))
            for span, encoding in zip(spans, encoded, strict=True)
        ]

    def _chunk(self, document: Document, span: tuple[int, int], tokens: int) -> Chunk:
        start, end = span
        text = document.text[start:end]
        return Chunk(
            chunk_id=content_id(document.doc_id, self._fingerprint, start, end, text),
            doc_id=document.doc_id,
            uri=document.uri,
            title=document.title,
            text=text,
            page=_page(document, start),
            start=start,
            end=end,
            tokens=tokens,
            metadata=dict(document.metadata),
        )


def titled(title: str, text: str, tokenizer: "Tokenizer") -> str:
    """What is embedded for a chunk: its title, cut to fit, and its text."""
    if not title:
        return text
    encoding = tokenizer.encode(title, add_special_tokens=False)
    room = TITLE_TOKENS - 1  # the line break between them may be a token
    short = title if len(encoding.ids) <= room else title[: encoding.offsets[room - 1][1]]
    return f"{short}\n{text}"


def _spans(splitter: Any, text: str) -> Iterator[tuple[int, int]]:
    """Spans of the splitter's pieces without those that lie inside the one before."""
    covered = 0
    for offset, piece in _pieces(splitter, text):
        if offset + len(piece) > covered and piece.strip():
            covered = offset + len(piece)
            yield offset, covered


def _pieces(splitter: Any, text: str) -> Iterator[tuple[int, str]]:
    """The splitter's pieces; those of too many characters are cut and split again."""
    for offset, piece in splitter.chunk_indices(text):
        if len(piece) <= MAX_CHARS:
            yield offset, piece
            continue
        for start in range(0, len(piece), MAX_CHARS):
            window = piece[start : start + MAX_CHARS]
            yield from (
                (offset + start + at, inner) for at, inner in splitter.chunk_indices(window)
            )


def _page(document: Document, start: int) -> int | None:
    """The page on which a chunk begins."""
    if not document.pages:
        return None
    at = bisect_right([offset for _, offset in document.pages], start)
    return document.pages[max(at - 1, 0)][0]
