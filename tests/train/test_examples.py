"""Training texts equal what serving sends, carry loss on the answer alone, and keep the evidence."""

from dataclasses import replace
from typing import Any

import pytest

from cluster.prompts import ABSTENTION, parse, render, render_target
from tests.training_sets import example
from train.encoding import IGNORE, end_of_turn
from train.examples import Encoder, closed_book, document_order, open_book, renumber


def decode(tokenizer: Any, encoded: Any, supervised: bool) -> str:
    pairs = zip(encoded.ids, encoded.labels, strict=True)
    return str(tokenizer.decode([i for i, label in pairs if (label != IGNORE) == supervised]))


def test_text_in_dsf_mode_is_served_prompt_and_supervised_target(tokenizer: Any) -> None:
    lamp = example("lamp")
    encoded = Encoder(tokenizer, "dsf", 512, seed=0).encode(lamp, epoch=0)
    prompt = tokenizer.apply_chat_template(
        render(lamp.question, ()), add_generation_prompt=True, tokenize=False
    )
    assert encoded is not None
    assert decode(tokenizer, encoded, supervised=False) == prompt
    target = render_target(lamp.plain_reasoning, lamp.answer)
    assert decode(tokenizer, encoded, supervised=True) == f"{target}<|im_end|>"


def test_text_in_raft_mode_quotes_the_oracle_by_its_place_in_the_prompt(tokenizer: Any) -> None:
    lamp = example("lamp", documents=5, oracle_at=2)
    for epoch in range(6):
        text = open_book(lamp, document_order(lamp, epoch, seed=0))
        number = int(text.target.split("Document [")[1].split("]")[0])
        shown = text.messages[-1]["content"].split(f"[{number}] ")[1].split("</document>")[0]
        assert parse(text.target).quotes[0] in shown


def test_order_of_documents_changes_with_the_epoch_and_repeats_with_the_seed() -> None:
    lamp = example("lamp", documents=6)
    orders = [tuple(document_order(lamp, epoch, seed=3)) for epoch in range(20)]
    assert len(set(orders)) > 15
    assert orders == [tuple(document_order(lamp, epoch, seed=3)) for epoch in range(20)]
    assert {order.index(1) for order in orders} == set(range(6))


def test_number_inside_a_quote_is_left_as_the_source_has_it() -> None:
    said = "Document [1] says ##begin_quote##see Document [1]##end_quote##, not Document [9]."
    renumbered = "Document [4] says ##begin_quote##see Document [1]##end_quote##, not Document [9]."
    assert renumber(said, {1: 4}) == renumbered


@pytest.mark.parametrize("budget", [400, 300, 250, 200])
def test_small_budget_drops_distractors_and_never_the_oracle(tokenizer: Any, budget: int) -> None:
    lamp = example("lamp", documents=8, oracle_at=3)
    encoded = Encoder(tokenizer, "raft", budget, seed=0).encode(lamp, epoch=0)
    assert encoded is not None
    assert len(encoded.ids) <= budget
    prompt = decode(tokenizer, encoded, supervised=False)
    assert lamp.documents[3].text in prompt
    assert 1 <= prompt.count("</document>") < 8
    answer = parse(decode(tokenizer, encoded, supervised=True))
    assert answer.quotes == (lamp.documents[3].text,)


def test_small_budget_keeps_a_distractor_that_the_reasoning_mentions(tokenizer: Any) -> None:
    lamp = example("lamp", documents=8, oracle_at=3)
    lamp = replace(lamp, reasoning=f"{lamp.reasoning} Document [7] is no help.")
    encoded = Encoder(tokenizer, "raft", 360, seed=0).encode(lamp, epoch=0)
    assert encoded is not None
    assert lamp.documents[6].title in decode(tokenizer, encoded, supervised=False)


def test_example_that_cannot_fit_is_refused(tokenizer: Any) -> None:
    assert Encoder(tokenizer, "raft", 64, seed=0).encode(example("lamp"), epoch=0) is None
    assert Encoder(tokenizer, "dsf", 32, seed=0).encode(example("lamp"), epoch=0) is None


def test_example_without_oracle_trains_on_its_reasoning(tokenizer: Any) -> None:
    lamp = example("lamp")
    hidden = replace(
        lamp,
        documents=tuple(d for d in lamp.documents if d.role != "oracle"),
        oracle_present=False,
        reasoning=lamp.plain_reasoning,
        quotes=(),
    )
    encoded = Encoder(tokenizer, "raft", 512, seed=0).encode(hidden, epoch=0)
    assert encoded is not None
    assert parse(decode(tokenizer, encoded, supervised=True)).quotes == ()


def test_end_of_turn_is_what_the_chat_template_writes(tokenizer: Any) -> None:
    assert tokenizer.decode([end_of_turn(tokenizer)]) == "<|im_end|>"


def test_closed_book_text_shows_no_document() -> None:
    assert "<document>" not in closed_book(example("lamp")).messages[-1]["content"]


def test_abstaining_example_teaches_it_with_documents_and_the_truth_without() -> None:
    silent = replace(example("lamp"), abstain=True, reasoning="", quotes=())
    order = list(range(len(silent.documents)))
    assert parse(open_book(silent, order).target).answer == ABSTENTION
    assert parse(closed_book(silent).target).answer == silent.answer
