"""The bytes of tokens, for the spellings that tokenizers have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from serve.engine.pieces import Pieces


@pytest.fixture(scope="module")
def byte_level(base_model: str) -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(base_model)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def pieces(byte_level: PreTrainedTokenizerFast) -> Pieces:
    return Pieces(byte_level)


# the packaged model's vocabulary lacks a few bytes of control characters and of rare planes
@given(text=st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["C"]), max_size=40))
def test_pieces_of_a_text_make_up_its_bytes(
    byte_level: PreTrainedTokenizerFast, pieces: Pieces, text: str
) -> None:
    ids = byte_level(text, add_special_tokens=False)["input_ids"]
    assert b"".join(map(pieces, ids)) == text.encode()


def test_pieces_of_added_tokens_are_their_names(
    byte_level: PreTrainedTokenizerFast, pieces: Pieces
) -> None:
    assert pieces(byte_level.eos_token_id) == byte_level.eos_token.encode()


def test_pieces_beyond_the_vocabulary_are_nothing(
    byte_level: PreTrainedTokenizerFast, pieces: Pieces
) -> None:
    assert pieces(len(byte_level) + 7) == b""


def test_pieces_of_sentencepiece_are_spaces_and_bytes() -> None:
    vocabulary = {"<unk>": 0, "\u2581lamp": 1, "s": 2, "<0xE2>": 3, "<0x82>": 4, "<0xAC>": 5}
    model = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    model.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback()])
    pieces = Pieces(PreTrainedTokenizerFast(tokenizer_object=model, unk_token="<unk>"))
    assert b"".join(map(pieces, [1, 2, 3, 4, 5])).decode() == " lamps\u20ac"
