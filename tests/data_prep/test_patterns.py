"""Folders that a pattern cannot reach are not entered, and no file that it means is missed."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.patterns import Pattern

PARTS = st.sampled_from(["a", "b", "ab", "*", "?", "a*", "**", "[ab]", "[!a]", "a**", "[x"])
NAMES = st.lists(st.sampled_from(["a", "b", "ab", "abc", "[x"]), min_size=1, max_size=4)


@given(st.lists(PARTS, max_size=4), NAMES)
def test_file_that_matches_lies_in_folders_that_are_reached(
    parts: list[str], names: list[str]
) -> None:
    pattern, name = Pattern("/".join(parts)), "/".join(names)
    if pattern.matches(name):
        folders = [str(folder) for folder in PurePosixPath(name).parents][:-1]
        assert all(pattern.reaches(folder) for folder in folders)


@pytest.mark.parametrize(
    ("pattern", "reached", "not_reached"),
    [
        ("", ["a", "a/b"], []),
        ("*.md", [], ["a", "a/b"]),
        ("a*/x.md", ["ab"], ["b", "ab/c"]),
        ("a*/**/x.md", ["ab", "ab/c/d"], ["b"]),
        ("**/*.md", ["a", "a/b/c"], []),
    ],
)
def test_only_folders_that_a_pattern_can_mean_are_reached(
    pattern: str, reached: list[str], not_reached: list[str]
) -> None:
    assert all(Pattern(pattern).reaches(folder) for folder in reached)
    assert not any(Pattern(pattern).reaches(folder) for folder in not_reached)
