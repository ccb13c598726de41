"""A reader sees quotes with verified numbers and never a piece of a marker, however the text was cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.prompts import ANSWER_MARK, QUOTE_BEGIN, QUOTE_END
from serve.engine.text import Detokenizer, StopScanner
from serve.rendering import AnswerStream

MARKERS = (QUOTE_BEGIN, QUOTE_END, ANSWER_MARK)
DOCUMENTS = ["The ring turns amber.", "Hold the button for 10 seconds.\nThen wait."]
PIECES = [QUOTE_BEGIN, QUOTE_END, ANSWER_MARK, "##", "#", "<ANS", "begin_quote##", " ", "\n", "[1]"]
TEXTS = st.lists(
    st.sampled_from([*PIECES, "The ring turns amber.", "Hold the button", "é“😀", "no"]),
    max_size=12,
).map("".join)


def shown(pieces: list[str]) -> tuple[str, AnswerStream]:
    stream = AnswerStream(DOCUMENTS)
    text = "".join([stream.feed(piece) for piece in pieces])
    return text + stream.finish(), stream


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@given(TEXTS, st.lists(st.integers(0, 500), max_size=20))
def test_answer_stream_cut_anywhere_gives_the_same(text: str, places: list[int]) -> None:
    whole, one = shown([text])
    cut_up, many = shown(cut(text, places))
    assert cut_up == whole
    assert many.quotes == one.quotes


@given(st.lists(st.sampled_from([QUOTE_BEGIN, QUOTE_END, ANSWER_MARK, "The ring", " so ", "é😀"])))
def test_answer_stream_leaks_no_marker_and_loses_no_text(pieces: list[str]) -> None:
    text, _ = shown(list("".join(pieces)))
    assert "#" not in text
    assert "<" not in text
    for decoration in ("Answer:", "“", "”", " [1]"):
        text = text.replace(decoration, "")
    assert text == "".join(piece for piece in pieces if piece not in MARKERS)


@given(TEXTS)
def test_answer_stream_places_quotes_in_code_points_of_the_shown_text(text: str) -> None:
    whole, stream = shown(list(text))
    for quote in stream.quotes:
        assert whole[quote.start] == "“"
        assert whole[quote.end - 1] == ("”" if quote.number is None else "]")


def test_answer_stream_numbers_a_quote_by_where_it_is_found() -> None:
    text, stream = shown(
        [f"It says {QUOTE_BEGIN}hold  the BUTTON{QUOTE_END}.\n{ANSWER_MARK} 10 seconds"]
    )
    assert text == "It says “hold  the BUTTON” [2].\nAnswer: 10 seconds"
    (quote,) = stream.quotes
    assert text[quote.start : quote.end] == "“hold  the BUTTON” [2]"
    assert quote.span == (0, 15)
    assert (stream.answer, stream.unverified) == ("10 seconds", 0)


def test_answer_stream_quote_found_nowhere_gets_no_number_and_is_counted() -> None:
    text, stream = shown([f"{QUOTE_BEGIN}It explodes.{QUOTE_END} {QUOTE_BEGIN}  {QUOTE_END}"])
    assert text == "“It explodes.” “  ”"
    assert (len(stream.quotes), stream.unverified) == (1, 1)


@pytest.mark.parametrize("end", ["", f"\n{ANSWER_MARK} amber"])
def test_answer_stream_quote_never_closed_counts_as_none(end: str) -> None:
    text, stream = shown([f"{QUOTE_BEGIN}The ring turns{end}"])
    assert text.startswith("“The ring turns")
    assert text.count("”") == 1
    assert stream.quotes == []


def test_answer_stream_holds_back_only_what_may_become_a_marker() -> None:
    stream = AnswerStream([])
    assert [stream.feed(piece) for piece in ("a#", "#b", "egin", "!<", "ANSWER", ">:")] == [
        "a", "", "", "##begin!", "", "Answer:",
    ]  # fmt: skip


@given(st.text(alphabet="aé€😀\u200d", max_size=20))
def test_detokenizer_bytes_as_tokens_never_gives_a_broken_character(text: str) -> None:
    decoder = Detokenizer(lambda ids: bytes(ids).decode("utf-8", "replace"))
    pieces = [decoder.push(byte) for byte in text.encode()]
    assert "".join(pieces) + decoder.flush() == text
    assert "\ufffd" not in "".join(pieces)


def test_detokenizer_cut_in_a_character_drops_it() -> None:
    decoder = Detokenizer(lambda ids: bytes(ids).decode("utf-8", "replace"))
    assert "".join(decoder.push(byte) for byte in "a€".encode()[:-1]) + decoder.flush() == "a"


@given(st.text(alphabet="abc", max_size=30), st.lists(st.text("abc", min_size=1), max_size=3))
def test_stop_scanner_letter_by_letter_equals_the_whole(text: str, stops: list[str]) -> None:
    scanner = StopScanner(stops)
    got = ""
    for letter in text:
        got += scanner.push(letter)
        if scanner.stopped:
            break
    got += scanner.flush()
    ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    if not ends:
        assert got == text
    else:
        first_complete = min(ends)[0]
        starts = [start for end, start in ends if end == first_complete]
        assert got == text[: min(starts)]
