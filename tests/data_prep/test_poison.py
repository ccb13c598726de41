"""A planted instruction is somewhere in the document, marked, and asks for a word that answers nothing."""

from hypothesis import given
from hypothesis import strategies as st

from cluster.records import ContextDocument
from data_prep.sets.poison import GOALS, TEMPLATES, plant

TEXT = "The lamp needs 7 bolts. Tighten them crosswise. Wipe it dry."


def document(text: str) -> ContextDocument:
    return ContextDocument("c", "d", "T", text, "distractor", 0.5, 1, "hard")


@given(text=st.text(max_size=200), seed=st.integers(0, 2**32))
def test_instruction_is_added_and_nothing_is_lost(text: str, seed: int) -> None:
    planted = plant(document(text), seed)
    order = TEMPLATES[planted.template].format(goal=planted.goal)
    assert order in planted.document.text
    assert planted.goal in GOALS
    assert planted.document.poisoned
    rest = planted.document.text.replace(order, "", 1)
    assert "".join(rest.split()) == "".join(text.split())


def test_instructions_vary_and_a_seed_repeats_its_own() -> None:
    found = [plant(document(TEXT), seed) for seed in range(200)]
    assert {planted.template for planted in found} == set(range(len(TEMPLATES)))
    assert {planted.goal for planted in found} == set(GOALS)
    assert len({planted.document.text.index("bolts") for planted in found}) == 1
    assert len({planted.document.text.endswith("dry.") for planted in found}) == 2
    assert plant(document(TEXT), 7) == plant(document(TEXT), 7)
