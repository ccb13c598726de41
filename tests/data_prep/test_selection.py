"""Which chunks are asked about depends on seed and chunk ids only."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cluster.records import Chunk
from data_prep.corpus.tables import chunk_table
from data_prep.teacher.selection import choose_chunks
from tests.taught_corpus import chunk

CHUNKS = [chunk(number) for number in range(30)]


def chosen(chunks: list[Chunk], limit: int | None, seed: int = 0) -> list[str]:
    return [c.chunk_id for c in choose_chunks(chunk_table(chunks), limit, 10, seed).chunks]


@given(st.integers(0, 1000), st.integers(1, 30), st.randoms(use_true_random=False))
def test_smaller_limit_asks_about_the_first_of_the_larger_one(
    seed: int, limit: int, order: random.Random
) -> None:
    shuffled = order.sample(CHUNKS, len(CHUNKS))
    assert chosen(shuffled, limit, seed) == chosen(CHUNKS, None, seed)[:limit]
    assert sorted(chosen(CHUNKS, None, seed)) == [c.chunk_id for c in CHUNKS]


def test_seeds_differ() -> None:
    assert chosen(CHUNKS, 5, 1) != chosen(CHUNKS, 5, 2)


def test_short_and_repeated_chunks_are_left_out_and_counted() -> None:
    short = replace(chunk(40), tokens=9)
    repeated = replace(chunk(3), chunk_id="again", text=chunk(3).text.replace(" ", "\n").upper())
    found = choose_chunks(chunk_table([*CHUNKS, short, repeated]), None, 10, 0)
    assert len(found.chunks) == 30
    assert found.skipped == {"short_chunk": 1, "repeated_chunk": 1}
