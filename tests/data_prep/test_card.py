"""The card tells how a set was made, what it left out and what training and test share."""

import yaml

from data_prep.sets.card import describe_leakage, render_card
from tests.training_sets import CARD, CLEAN, example


def test_card_has_a_front_matter_and_every_count() -> None:
    card = render_card("lamps", "v1", CARD, example("lamp"))
    front = yaml.safe_load(card.split("---")[1])
    splits = [file["split"] for file in front["configs"][0]["data_files"]]
    assert splits == ["train", "test"]
    for told in (
        "| no_oracle | 2 |",
        "| near_duplicate | 5 |",
        "| hard | 9 |",
        "0.75 (target 0.8)",
        "follows `abstain` (1 examples abstain)",
        "2 examples lost 3 distractors",
        "planted instruction: 0.25 (target 0.1)",
        "fewer distractors than asked for: 1.",
        "1 ██████████████████████████████ 2",
        "The lamp needs 4 bolts of size 1.",
    ):
        assert told in card, told


def test_card_of_a_set_that_follows_the_retriever_names_no_target() -> None:
    manifest = {**CARD, "oracle_fraction": {"target": None, "measured": 0.6}}
    assert "0.6 (target what the retriever returns)" in render_card(
        "lamps", "v1", manifest, example("lamp")
    )


def test_leakage_is_told_with_the_setting_that_allowed_it() -> None:
    assert "share no oracle chunk" in describe_leakage(CLEAN)
    found = {
        **CLEAN, "splits": "given", "oracle_chunks": 4, "documents": 3, "near_duplicate_clusters": 3,
        "test_questions": 7,
    }  # fmt: skip
    text = describe_leakage(found)
    assert "raft.given_splits=keep" in text
    assert "share 4 oracle chunks, 3 oracle documents and 3 clusters" in text
    assert "7 test questions" in text
