"""Chunks are verbatim spans that cover the text and fit the embedder, whatever the text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from cluster.errors import SettingsError
from cluster.records import Document
from cluster.settings import ChunkSettings
from data_prep.corpus.chunk import TITLE_TOKENS, Chunker, describe_chunker, titled

MAX_TOKENS = 256
SMALL = ChunkSettings(tokens=24, overlap=6)
WORDS = st.sampled_from(
    ["lamp", "bolts", "Größe", "日本語", "😀", "naïve", "12.5", "e\u0301", "x" * 130]
)
GAPS = st.sampled_from([" ", " ", " ", ". ", "\n", "\n\n", "\n\n## ", "\n- ", "\t", "   "])
TEXTS = st.lists(st.tuples(WORDS, GAPS), min_size=1, max_size=120).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)


def document(text: str, title: str = "", pages: tuple[tuple[int, int], ...] = ()) -> Document:
    return Document("d.md", "file:///d.md", title, text, "hash", pages)


@pytest.fixture(scope="module")
def small(tokenizer: Tokenizer) -> Chunker:
    return Chunker(tokenizer, MAX_TOKENS, SMALL, "print")


@pytest.fixture(scope="module")
def largest(tokenizer: Tokenizer) -> Chunker:
    """Wants more than the embedder reads beside a title."""
    return Chunker(tokenizer, MAX_TOKENS, ChunkSettings(tokens=500), "print")


@settings(max_examples=80, deadline=None)
@given(text=TEXTS, markdown=st.booleans())
def test_chunks_are_verbatim_cover_the_text_and_keep_the_limit(
    tokenizer: Tokenizer, small: Chunker, text: str, markdown: bool
) -> None:
    chunks = small.split(document(text), markdown)
    covered = set()
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.tokens == len(tokenizer.encode(chunk.text, add_special_tokens=False).ids)
        assert chunk.tokens <= SMALL.tokens
        covered.update(range(chunk.start, chunk.end))
    assert all(text[at].isspace() for at in set(range(len(text))) - covered)
    spans = [(chunk.start, chunk.end) for chunk in chunks]
    assert spans == sorted(spans)
    assert len({chunk.chunk_id for chunk in chunks}) == len(chunks)


@settings(max_examples=50, deadline=None)
@given(title=st.text(max_size=300), text=TEXTS)
def test_title_and_text_always_fit_the_embedder(
    tokenizer: Tokenizer, largest: Chunker, title: str, text: str
) -> None:
    for chunk in largest.split(document(text, title), False):
        embedded = titled(title, chunk.text, tokenizer)
        assert len(tokenizer.encode(embedded).ids) <= MAX_TOKENS
        assert embedded.endswith(chunk.text)


def test_long_title_is_cut_and_short_one_is_kept(tokenizer: Tokenizer) -> None:
    assert titled("Lamp manual", "text", tokenizer) == "Lamp manual\ntext"
    assert titled("", "text", tokenizer) == "text"
    head, _, _ = titled("word " * 100, "text", tokenizer).partition("\n")
    assert len(tokenizer.encode(head, add_special_tokens=False).ids) == TITLE_TOKENS - 1


def test_text_without_any_break_is_cut_to_what_milvus_takes(small: Chunker) -> None:
    text = "x" * 100_000
    chunks = small.split(document(text), False)
    assert "".join(chunk.text for chunk in chunks) == text
    assert max(len(chunk.text.encode()) for chunk in chunks) < 65_535


def test_chunk_ids_name_document_settings_and_text(tokenizer: Tokenizer, small: Chunker) -> None:
    text = "The lamp needs 7 bolts."
    (first,) = small.split(document(text), False)
    (again,) = small.split(document(text, title="other title"), False)
    (other,) = Chunker(tokenizer, MAX_TOKENS, SMALL, "other").split(document(text), False)
    assert first.chunk_id == again.chunk_id != other.chunk_id


def test_page_is_the_one_a_chunk_begins_on(small: Chunker) -> None:
    first, second = "First page here. " * 8, "Second page here. " * 8
    pages = ((2, 0), (3, len(first) + 2))
    chunks = small.split(document(f"{first}\n\n{second}", pages=pages), False)
    assert {chunk.page for chunk in chunks if "Second" not in chunk.text} == {2}
    assert {chunk.page for chunk in chunks if "First" not in chunk.text} == {3}


def test_separate_pages_share_no_chunk(small: Chunker) -> None:
    text = "One slide.\n\nAnother slide. " + "It has more to say. " * 9 + "\n\nLast."
    pages = ((1, 0), (3, text.index("Another")), (4, text.index("Last")))
    chunks = small.split(document(text, pages=pages), True, separate=True)
    assert [chunk.page for chunk in chunks[:2]] == [1, 3]
    assert (chunks[-1].page, chunks[-1].text) == (4, "Last.")
    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert len(small.split(document("One slide.\n\nTwo.", pages=((1, 0), (2, 12))), True)) == 1


def test_fingerprint_follows_settings_embedder_and_pdf_parser() -> None:
    one = describe_chunker(SMALL, "minilm", "pdfium")
    assert one == describe_chunker(SMALL, "minilm", "pdfium")
    others = (
        describe_chunker(ChunkSettings(tokens=25), "minilm", "pdfium"),
        describe_chunker(SMALL, "bge", "pdfium"),
        describe_chunker(SMALL, "minilm", "docling"),
    )
    assert one["fingerprint"] not in {other["fingerprint"] for other in others}


def test_embedder_that_reads_too_little_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(SettingsError, match="at least 50"):
        Chunker(tokenizer, 40, SMALL, "print")
