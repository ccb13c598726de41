"""Spans cover any text and fit the embedder; sections and blocks stay whole where they can."""

import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from cluster.errors import SettingsError
from cluster.settings import ChunkSettings, IngestSettings
from data_prep.chunking.cutter import MAX_CHARS, MIN_TOKENS, Cutter, Span
from data_prep.documents.cutting import Cutting, cutter_for
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.sandbox import Sandbox

MAX_TOKENS = 256
SMALL = ChunkSettings(tokens=24, overlap=6)
WORDS = st.sampled_from(
    ["lamp", "bolts", "Größe", "日本語", "ไฟฟ้า", "😀", "naïve", "12.5", "e\u0301", "x" * 130, "a:"]
)
GAPS = st.sampled_from([
    " ", " ", " ", ". ", "\n", "\n\n", "\n\n## ", "\n- ", "\t", "   ", "\n```\n", "\n===\n", "。", "\n    ",
])  # fmt: skip
TEXTS = st.lists(st.tuples(WORDS, GAPS), min_size=1, max_size=120).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)


@pytest.fixture(scope="module")
def small(tokenizer: Tokenizer) -> Cutter:
    return cutter_for(tokenizer, MAX_TOKENS, SMALL)


@pytest.fixture(scope="module")
def usual(tokenizer: Tokenizer) -> Cutter:
    return cutter_for(tokenizer, MAX_TOKENS, ChunkSettings())


def cut(cutter: Cutter, text: str, markdown: bool = True) -> tuple[Span, ...]:
    return cutter.cut(text, (), markdown, separate=False).spans


def texts(cutter: Cutter, text: str, markdown: bool = True) -> list[str]:
    return [text[span.start : span.end] for span in cut(cutter, text, markdown)]


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, markdown=st.booleans(), separate=st.booleans())
def test_spans_of_any_text_cover_it_and_keep_the_limit(
    tokenizer: Tokenizer, small: Cutter, text: str, markdown: bool, separate: bool
) -> None:
    pages = ((1, 0), (2, len(text) // 3), (5, len(text) // 2)) if len(text) > 3 else ((1, 0),)
    spans = small.cut(text, pages, markdown, separate).spans
    covered = set()
    for span in spans:
        piece = text[span.start : span.end]
        assert piece.strip()
        assert span.tokens == len(tokenizer.encode(piece, add_special_tokens=False).ids)
        assert span.tokens <= SMALL.tokens
        assert span.page in {1, 2, 5}
        covered.update(range(span.start, span.end))
    assert all(text[at].isspace() for at in set(range(len(text))) - covered)
    assert [(s.start, s.end) for s in spans] == sorted({(s.start, s.end) for s in spans})


def test_sections_begin_spans_and_know_their_headings(usual: Cutter) -> None:
    body = "The queue keeps every message until somebody has read it. " * 8
    text = (
        f"# Manual\n\n## Queues\n\n{body}\n\n### Durable queues\n\n{body}\n\n"
        f"Limits\n------\n\n{body * 3}"
    )
    spans = cut(usual, text)
    assert [span.path for span in spans[:2]] == [
        ("Manual", "Queues"),
        ("Manual", "Queues", "Durable queues"),
    ]
    assert {span.path for span in spans[2:]} == {("Manual", "Limits")}
    assert len(spans) > 3
    found = [text[span.start : span.end] for span in spans]
    assert found[0].startswith("# Manual\n\n## Queues")
    assert found[1].startswith("### Durable queues")
    assert found[2].startswith("Limits\n------")


def test_small_sections_share_a_span_below_their_common_heading(usual: Cutter) -> None:
    text = "# Errors\n\n" + "".join(
        f"## E-{n}\n\nSwitch the pump off, wait {n} minutes and call the service if it comes back.\n\n"
        for n in range(20)
    )
    spans = cut(usual, text)
    assert 1 < len(spans) < 9
    assert {span.path for span in spans[:-1]} == {("Errors",)}
    assert all(text[span.start : span.end].startswith(("# Errors", "## E-")) for span in spans)


@pytest.mark.parametrize(
    "text",
    [
        "# Heading only at the end\n\n"
        + "One more sentence of the text. " * 90
        + "\n\n## See also",
        "# Title\n\n" + "".join(f"    {n} = call({n})\n" for n in range(200)),
        "Use this:\n\n```python\n"
        + "".join(f"line_{n} = {n}\n" for n in range(300))
        + "```\n\nEnd.",
        "The steps:\n\n"
        + "".join(f"- step {n} is done by hand and takes long\n" for n in range(90)),
        "Word. " * 500 + "\n\nLast.",
    ],
)
def test_no_span_is_a_lone_heading_fence_or_rest(usual: Cutter, text: str) -> None:
    spans = cut(usual, text)
    assert len(spans) > 2
    assert min(span.tokens for span in spans) >= MIN_TOKENS
    for span in spans:
        lines = text[span.start : span.end].strip().split("\n")
        assert not lines[-1].startswith("#") or len(lines) > 2
        assert not lines[-1].startswith("```python")
        assert lines[0].strip("`")


def test_code_keeps_its_indentation_and_fences_their_headings(usual: Cutter) -> None:
    methods = "".join(
        f"    def method_{n}(self):\n        # not a heading\n        return {n}\n\n"
        for n in range(40)
    )
    text = f"# Client\n\nUse it:\n\n```python\nclass Client:\n# note\n{methods}```\n"
    spans = cut(usual, text)
    assert {span.path for span in spans} == {("Client",)}
    pieces = [text[span.start : span.end] for span in spans]
    assert "class Client:" in pieces[0]
    assert "Use it:" in pieces[0]
    assert all(piece.startswith("    def ") for piece in pieces[1:])


def test_what_only_looks_like_a_heading_is_none(usual: Cutter) -> None:
    text = (
        "#hashtag\n\n    # indented code\n\n- item\n---\n\n| a |\n---\n\n```\n# comment\n```\n\n"
        "two lines\nof a paragraph\n===\n"
    )
    assert {span.path for span in cut(usual, text)} == {()}
    assert {span.path for span in cut(usual, "# A heading\n\nText.", markdown=False)} == {()}


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("## **Bold** and `code` of snake_case ##", "Bold and code of snake_case"),
        ("## [Linked](https://x.org/a_(b)) {#anchor}", "Linked"),
        ("## __Very old__ *pumps* of [![build](b.svg)](http://ci)", "Very old pumps of build"),
        ("## f(*args, **_all).__init__ 2 * 3 & <T>", "f(*args, **_all).__init__ 2 * 3 & <T>"),
    ],
)
def test_headings_are_kept_as_readers_see_them(usual: Cutter, heading: str, title: str) -> None:
    (span,) = cut(usual, f"{heading}\n\nText.")
    assert span.path == (title,)


def test_rows_and_sentences_end_spans(usual: Cutter) -> None:
    rows = "\n\n".join(f"Part: bolt {n}\nTorque: {n} Nm\nDrawing: D-{n}" for n in range(200))
    assert all(piece.startswith("Part: ") for piece in texts(usual, rows))
    prose = "The intake valve opens at two bar, e.g. in winter. It must never be painted! " * 60
    assert all(piece[-1] in ".!" for piece in texts(usual, prose))
    japanese = "漢字仮名交文。" * 300
    assert all(piece.endswith("。") for piece in texts(usual, japanese))


def test_neighbours_overlap_by_whole_clauses_but_sections_do_not(usual: Cutter) -> None:
    text = "A short one. Then a much longer sentence follows here, with a comma. " * 60
    spans = cut(usual, text)
    assert all(a.end >= b.start for a, b in itertools.pairwise(spans))
    assert any(a.end > b.start for a, b in itertools.pairwise(spans))
    sections = "".join(f"# S{n}\n\n" + "The lamp has seven bolts. " * 30 for n in range(3))
    ends = cut(usual, sections)
    assert all(a.end <= b.start for a, b in itertools.pairwise(ends))


def test_page_is_the_one_that_holds_most_of_a_span(small: Cutter) -> None:
    text = "First page here. " * 8 + "\n\n" + "Second page here. " * 8
    border = text.index("Second")
    spans = small.cut(text, ((2, 0), (3, border)), False, False).spans
    assert spans[0].page == 2
    assert {span.page for span in spans if "First" not in text[span.start : span.end]} == {3}
    across = small.cut(
        "- 1 -\n\nThe lighthouse is open to visitors.", ((1, 0), (2, 7)), False, False
    )
    assert [span.page for span in across.spans] == [2]
    over_three = small.cut("a\n\nbb bb\n\nc", ((1, 0), (2, 3), (3, 10)), False, False)
    assert [span.page for span in over_three.spans] == [2]


def test_separate_pages_share_no_span(small: Cutter) -> None:
    text = "One slide.\n\nAnother slide. " + "It has more to say. " * 9 + "\n\nLast."
    pages = ((1, 0), (3, text.index("Another")), (4, text.index("Last")))
    spans = small.cut(text, pages, True, separate=True).spans
    assert [span.page for span in spans[:2]] == [1, 3]
    assert (spans[-1].page, text[spans[-1].start :]) == (4, "Last.")


@pytest.mark.parametrize(
    ("text", "share"),
    [("ฉันรักภาษาไทยมากที่สุดในโลก " * 300, 1.0), ("灯需螺栓" * 900, 0.5), ("The lamp. " * 300, 0.0)],
)
def test_text_that_the_embedder_cannot_read_is_measured_by_letters(
    usual: Cutter, text: str, share: float
) -> None:
    cuts = usual.cut(text, (), False, separate=False)
    assert cuts.unknown_share == pytest.approx(share, abs=0.5 if 0 < share < 1 else 0.02)
    assert max(span.end - span.start for span in cuts.spans) <= 1200


def test_embedder_that_reads_too_little_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(SettingsError, match="at least 50"):
        cutter_for(tokenizer, 40, SMALL)


def _noise(letters: str, count: int) -> str:
    return "".join(random.Random(7).choices(letters, k=count))


PATHOLOGICAL: dict[str, Callable[[int], str]] = {
    "base64": lambda n: _noise("ABCDEFabcdef0123+/", n),
    "chinese without stops": lambda n: "漢字仮名交文" * (n // 6),
    "thai without blanks": lambda n: "ฉันรักภาษาไทย" * (n // 13),
    "one wide row": lambda n: "| " + "cell | " * (n // 7),
    "nested quotes": lambda n: "> " * (n // 2),
    "nested list": lambda n: "".join("  " * i + "- item\n" for i in range(int(n**0.5))),
    "headings only": lambda n: "# h\n" * (n // 4),
    "underlines only": lambda n: "a\n--\n" * (n // 5),
    "open fences": lambda n: "```\n" * (n // 4),
    "backticks": lambda n: "`" * n,
    "brackets": lambda n: "[" * n,
    "emphasis": lambda n: "_a" * (n // 2),
    "blanks": lambda n: " " * n + "x",
    "line ends": lambda n: "\n" * n + "x",
    "marks without a letter": lambda n: "a" + "\u0301" * n,
    "minified": lambda n: '{"a":[' + "1," * (n // 2),
    "colons": lambda n: "a:\n\n" * (n // 4),
    "emoji": lambda n: "😀" * n,
    "links": lambda n: "[a](" * (n // 4),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PATHOLOGICAL)
def test_a_megabyte_of_anything_is_cut_within_the_time_of_a_document(
    usual: Cutter, tokenizer: Tokenizer, kind: str
) -> None:
    text = PATHOLOGICAL[kind](1_000_000)
    spans = cut(usual, text)
    assert max(span.tokens for span in spans) <= ChunkSettings().tokens
    assert max(span.end - span.start for span in spans) <= MAX_CHARS


def test_spans_of_a_text_that_takes_too_long_are_stopped_with_the_parser(
    tokenizer: Tokenizer,
) -> None:
    cutting = Cutting("minilm", tokenizer.to_str(), MAX_TOKENS, ChunkSettings())
    sandbox = Sandbox(IngestSettings(parse_timeout_s=0.5), cutting=cutting)
    found: Parsed = sandbox.parse(b"# Lamp\n\nSeven bolts.", "markdown")
    assert [(span.path, span.tokens) for span in found.spans] == [(("Lamp",), 5)]
    with pytest.raises(ParseError, match=r"took longer than 0\.5 s"):
        sandbox.parse(b"word " * 4_000_000, "text")
    sandbox.close()


def _byte_pairs() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        ["the lamp has seven bolts " * 9],
        trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet),
    )
    return made


def _unigram() -> Tokenizer:
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=60, unk_token="<unk>", special_tokens=["<unk>"])
    made.train_from_iterator(["the lamp has seven bolts " * 9], trainer)
    return made


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, family=st.sampled_from(["byte pairs", "unigram"]))
def test_spans_fit_embedders_of_other_families(text: str, family: str) -> None:
    made = _byte_pairs() if family == "byte pairs" else _unigram()
    spans = cutter_for(made, 80, SMALL).cut(text, (), True, separate=False).spans
    covered = {at for span in spans for at in range(span.start, span.end)}
    assert all(text[at].isspace() for at in set(range(len(text))) - covered)
    for span in spans:
        piece = text[span.start : span.end]
        assert span.tokens == len(made.encode(piece, add_special_tokens=False).ids)
        assert span.tokens <= SMALL.tokens or len(piece) == 1
