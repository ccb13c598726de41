"""Chunks are named by document, settings and text; what is embedded says title and section, and fits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from cluster.records import SECTION_MARK, Chunk, Document
from cluster.settings import ChunkSettings
from data_prep.chunking.cutter import HEAD_TOKENS
from data_prep.corpus.chunk import Chunker, describe_chunker, titled
from data_prep.documents.cutting import cutter_for

MAX_TOKENS = 256
SMALL = ChunkSettings(tokens=24, overlap=6)


def chunks(tokenizer: Tokenizer, text: str, title: str = "", print: str = "print") -> list[Chunk]:
    document = Document("d.md", "file:///d.md", title, text, "hash")
    spans = cutter_for(tokenizer, MAX_TOKENS, ChunkSettings(tokens=500)).cut(text, (), True, False)
    return Chunker(print).chunks(document, spans.spans)


@settings(max_examples=80, deadline=None)
@given(
    title=st.text(max_size=300),
    headings=st.lists(st.text(max_size=200), max_size=5),
    text=st.text(min_size=1, max_size=2000),
)
def test_title_section_and_text_always_fit_the_embedder(
    tokenizer: Tokenizer, title: str, headings: list[str], text: str
) -> None:
    section = SECTION_MARK.join(headings)
    for chunk in chunks(tokenizer, text, title):
        embedded = titled(title, section, chunk.text, tokenizer)
        assert len(tokenizer.encode(embedded).ids) <= MAX_TOKENS
        assert embedded.endswith(chunk.text)


def test_head_names_the_title_and_the_headings_closest_to_the_text(tokenizer: Tokenizer) -> None:
    assert titled("Lamp manual", "", "text", tokenizer) == "Lamp manual\ntext"
    assert titled("", "", "text", tokenizer) == "text"
    assert titled("", "Care", "text", tokenizer) == "Care\ntext"
    assert titled("Lamp", "Lamp > Care > Dust", "text", tokenizer) == "Lamp > Care > Dust\ntext"
    head, _, _ = titled("word " * 100, "", "text", tokenizer).partition("\n")
    assert len(tokenizer.encode(head, add_special_tokens=False).ids) == HEAD_TOKENS - 1
    both, _, _ = titled("word " * 100, "deep " * 60 + "end", "text", tokenizer).partition("\n")
    assert both.startswith("word word word")
    assert both.endswith("deep deep end")
    assert len(tokenizer.encode(both, add_special_tokens=False).ids) <= HEAD_TOKENS - 1


def test_chunk_ids_name_document_settings_and_text(tokenizer: Tokenizer) -> None:
    text = "The lamp needs 7 bolts."
    (first,) = chunks(tokenizer, text)
    (again,) = chunks(tokenizer, text, title="other title")
    (other,) = chunks(tokenizer, text, print="other")
    assert first.chunk_id == again.chunk_id != other.chunk_id


def test_chunk_is_its_span_and_knows_its_section(tokenizer: Tokenizer) -> None:
    text = "# Lamp\n\n## Bolts\n\nIt needs 7 bolts."
    (chunk,) = chunks(tokenizer, text)
    assert chunk.text == text[chunk.start : chunk.end]
    assert chunk.section == "Lamp > Bolts"


def test_fingerprint_follows_settings_embedder_and_parsing() -> None:
    one = describe_chunker(SMALL, "minilm", {"pdf_parser": "pdfium"})
    assert one == describe_chunker(SMALL, "minilm", {"pdf_parser": "pdfium"})
    others = (
        describe_chunker(ChunkSettings(tokens=25), "minilm", {"pdf_parser": "pdfium"}),
        describe_chunker(SMALL, "bge", {"pdf_parser": "pdfium"}),
        describe_chunker(SMALL, "minilm", {"pdf_parser": "docling"}),
    )
    assert one["fingerprint"] not in {other["fingerprint"] for other in others}


@pytest.mark.parametrize("title", ["", "Lamp"])
def test_text_without_any_break_is_cut_to_what_milvus_takes(
    tokenizer: Tokenizer, title: str
) -> None:
    text = "x" * 100_000
    found = chunks(tokenizer, text, title)
    assert "".join(chunk.text for chunk in found) == text
    assert max(len(chunk.text.encode()) for chunk in found) < 65_535
