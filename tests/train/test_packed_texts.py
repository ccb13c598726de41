"""Continued pre-training reads every token once, and no document through another."""

from typing import Any

from cluster.records import PackedText, Segment
from tests.training_sets import packed_texts
from train.packed_texts import PackedTextEncoder


def test_packed_text_becomes_one_text_for_each_document(tokenizer: Any) -> None:
    row = packed_texts(3)[2]
    texts = PackedTextEncoder(tokenizer, 64).texts(row, epoch=0)
    assert [tokenizer.decode(text.ids) for text in texts] == [
        "The lamp 2 is on the desk.<|im_end|>",
        "The lamp 2 needs 2 bolts.<|im_end|>",
    ]
    assert all(text.labels == text.ids for text in texts)


def test_packed_text_longer_than_a_text_may_be_is_cut_without_loss(tokenizer: Any) -> None:
    text = "The lamp is on the desk. " * 20
    row = PackedText("row", text, (Segment("a", 0, len(text)),), 200, "train")
    texts = PackedTextEncoder(tokenizer, 16).texts(row, epoch=0)
    assert max(len(text.ids) for text in texts) == 16
    ids = [token for text in texts for token in text.ids]
    assert ids == [*tokenizer(text)["input_ids"], tokenizer.eos_token_id][: len(ids)]
    assert len(ids) >= len(tokenizer(text)["input_ids"])
