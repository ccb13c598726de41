"""What is found by words: the same terms for a chunk and for a question, in every script."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.words import MAX_BYTES, MAX_QUESTION_TERMS, question_words, words_of


def meet(text: str, question: str) -> set[str]:
    return set(words_of(text).split()) & set(question_words(question).split())


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Centrifuge ZX-41 spins", "zx-41"),
        ("Centrifuge ZX-41 spins", "ZX41"),
        ("Centrifuge ZX-41 spins", "zx 41"),
        ("written in C++ since 2011", "c++"),
        ("a bore of 3.5 mm", "3,5"),
        ("1.000.000 units", "1,000,000"),
        ("call tools.parse_file(path)", "parse_file"),
        ("call tools.parse_file(path)", "file"),
        ("set maxConnections to 5", "connections"),
        ("see /etc/app/main.conf", "main.conf"),
        ("port 10.0.0.12 is open", "10.0.0.12"),
        ("\ufb01le con\ufb01guration", "configuration"),
        ("main-\ntenance plan", "maintenance"),
        ("Vor\u00adsicht", "Vorsicht"),
        ("\uff35\uff33\uff22 \uff8e\uff9f\uff70\uff84", "USB ポート"),
        ("Caf\u00e9 Stra\u00dfe", "cafe STRASSE"),
        ("Die Versandkosten steigen", "Versand"),
        ("Alle Rechnungen liegen hier", "Rechnung"),
        ("новые библиотеки", "библиотека"),
        ("the M10 bolts", "bolt"),
        ("two cities", "city"),
        ("热泵会自动关闭", "什么时候关闭？"),
        ("ヒートポンプは停止します", "停止する"),
        ("กรุณารดน้ำต้นไม้ทุกเช้า", "รดน้ำ"),
        ("ສະບາຍດີຊາວໂລກ", "ຊາວໂລກ"),
        ("សូមស្រោចទឹករាល់ព្រឹក", "ទឹក"),
        ("휴가는 3월에 만료됩니다", "휴가"),
        ("छुट्टियाँ मार्च में समाप्त होती हैं", "छुट्टियाँ"),
        ("كتاب\u064c جديد", "كتاب"),
    ],
)
def test_question_meets_the_text_that_has_its_words(text: str, question: str) -> None:
    assert meet(text, question)


@pytest.mark.parametrize(
    ("text", "question"),
    [("the price is 35", "3.5"), ("C is old", "C++"), ("图书馆开门", "关闭"), ("हिन्दी", "हानि")],
)
def test_question_does_not_meet_what_only_looks_alike(text: str, question: str) -> None:
    wholes = set(question_words(question).split()) - {"c", "3", "5"}
    assert not wholes & set(words_of(text).split())


def test_title_and_section_are_words_of_the_chunk() -> None:
    terms = words_of("Centrifuge ZX-41", "Care > Cleaning", "Wipe it.").split()
    assert {"zx41", "care", "clean", "wipe"} <= set(terms)


def test_question_of_stop_words_only_keeps_them() -> None:
    assert set(question_words("to be or not to be").split()) == {"to", "be", "or", "not"}
    assert "the" not in question_words("the lamp").split()


@pytest.mark.parametrize("blank", ["", " \n", "?!", "***"])
def test_text_without_words_has_no_terms(blank: str) -> None:
    assert words_of(blank) == question_words(blank) == ""


@given(st.text())
def test_terms_are_letters_and_digits_whatever_comes(text: str) -> None:
    terms = words_of(text).split(" ") if words_of(text) else []
    assert all(term.isalnum() for term in terms)
    assert set(question_words(text).split()) <= set(terms)


@given(st.text(), st.text())
def test_terms_do_not_depend_on_where_a_text_is_cut_at_blanks(one: str, other: str) -> None:
    whole = words_of(f"{one} | {other}").split()
    assert whole == words_of(one).split() + words_of(other).split()


@pytest.mark.parametrize("piece", ["word ", "x", "热", "a-", "a.b ", "1,000", "น", "é", "aB"])
def test_any_text_takes_linear_time_and_fits_the_field(piece: str) -> None:
    started = time.process_time()
    words = words_of("Title", "", piece * 20_000)
    assert len(words.encode()) <= MAX_BYTES
    assert len(set(question_words(piece * 20_000).split())) <= MAX_QUESTION_TERMS
    assert time.process_time() - started < 5


def test_long_question_is_asked_by_its_beginning_and_its_end() -> None:
    log = " ".join(f"line{n}" for n in range(50_000))
    terms = question_words(f"Why does pump42 stop? {log} error9000").split()
    assert {"pump42", "error9000"} <= set(terms)
    assert len(set(terms)) == MAX_QUESTION_TERMS
