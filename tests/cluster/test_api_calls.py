"""Calls are the same by what they do, not by how they are written."""

import pytest

from cluster.api_calls import answer_call, find_calls

GOLD = "torch.hub.load(repo_or_dir='a/b', model='x', pretrained=True)"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (GOLD, True),
        ('Load it: torch.hub.load("a/b", "x", pretrained = True).', True),
        ("hub.load(pretrained=True,\n    model='x', repo_or_dir='a/b')", True),
        ("net = wrap(torch.hub.load('a/b', 'x', True), 3)", True),
        ("torch.hub.load('a/b', 'y', pretrained=True)", False),
        ("torch.hub.load('a/b', 'x')", False),
        ("torch.hub.reload('a/b', 'x', True)", False),
        ("torch.hub.load('a/b', 'x', True", False),
        ("no call at all, but the words torch.hub.load and a/b", False),
    ],
)
def test_calls_compare_by_function_and_values(text: str, same: bool) -> None:
    gold = answer_call(GOLD)
    assert gold is not None
    assert any(gold.same_as(call) for call in find_calls(text)) == same


def test_call_is_named_by_its_texts() -> None:
    gold = answer_call(GOLD)
    assert gold is not None
    assert gold.names == {"'a/b'", "'x'"}
    assert [call.calls_as(gold) for call in find_calls("load(1) + torch.load(2) + hub.load(3)")] == [
        True, False, True,
    ]  # fmt: skip


def test_brackets_and_commas_inside_arguments_do_not_split_them() -> None:
    (call, *_inner) = find_calls("""f("a, b) c", [1, 2], g(x, y))""")
    assert call.values == {"'a,b)c'", "[1,2]", "g(x,y)"}


@pytest.mark.parametrize(
    "answer",
    ["", "31 months", "It is f(x) that decides about the whole thing, as we saw before.", "f()"],
)
def test_prose_is_no_call(answer: str) -> None:
    assert answer_call(answer) is None
