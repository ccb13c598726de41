"""Packing loses nothing, never overfills a row, and knows where each document is."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cluster.records import PackedText
from data_prep.sets.packing import Packer

_TOKEN = re.compile(r"\s?\w{1,4}|\s?[^\w\s]|\s")


class WordPieces:
    """A tokenizer of small pieces; a cut text has other pieces than the whole, as with real ones."""

    def __call__(self, text: str, **_options: Any) -> dict[str, Any]:
        found = list(_TOKEN.finditer(text))
        return {"input_ids": [m[0] for m in found], "offset_mapping": [m.span() for m in found]}


def pack(texts: list[str], max_tokens: int) -> list[PackedText]:
    packer = Packer(WordPieces(), max_tokens, "train")
    rows = [row for n, text in enumerate(texts) for row in packer.add(f"d{n}", text)]
    return [*rows, *packer.finish()]


def count(text: str) -> int:
    return len(WordPieces()(text)["input_ids"])


@given(
    texts=st.lists(st.text(st.sampled_from("ab c.\n"), max_size=400), max_size=8),
    max_tokens=st.integers(64, 120),
)
def test_rows_hold_all_text_in_order_within_their_size(texts: list[str], max_tokens: int) -> None:
    rows = pack(texts, max_tokens)
    seen: dict[str, str] = {}
    for row in rows:
        pieces = [(s.doc_id, row.text[s.start : s.end]) for s in row.segments]
        assert row.tokens == sum(count(piece) + 1 for _, piece in pieces) <= max_tokens
        for doc, piece in pieces:
            seen[doc] = seen.get(doc, "") + piece
    for number, text in enumerate(texts):
        assert "".join(seen.get(f"d{number}", "").split()) == "".join(text.split())
    order = [segment.doc_id for row in rows for segment in row.segments]
    assert order == sorted(order)


def test_long_document_is_cut_between_words_and_rows_are_full() -> None:
    text = " ".join(f"word{n:03d}" for n in range(300))
    rows = pack([text, "short one", text], 100)
    assert all(row.tokens >= 90 for row in rows[:-1])
    pieces = [row.text[s.start : s.end] for row in rows for s in row.segments]
    assert set(" ".join(pieces).split()) == {*text.split(), "short", "one"}


def test_rows_are_named_by_their_content() -> None:
    assert pack(["one two", "three"], 64) == pack(["one two", "three"], 64)
    assert pack(["one two"], 64)[0].id != pack(["one too"], 64)[0].id
    assert pack(["", "  "], 64) == []
