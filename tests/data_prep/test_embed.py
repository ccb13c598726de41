"""What the embedding actors are called with: every row once, in batches that do not follow the files."""

import itertools

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from data_prep.corpus.embed import Rows, batches_of, references


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 10))
def test_batches_hold_every_row_once_in_order(sizes: list[int], size: int) -> None:
    ends = list(itertools.accumulate(sizes, initial=0))
    tables = [
        pa.table({"n": pa.array(range(start, end), pa.int64())})
        for start, end in itertools.pairwise(ends)
    ]
    found = list(batches_of(tables, size))
    assert [n for table in found for n in table["n"].to_pylist()] == list(range(ends[-1]))
    assert all(table.num_rows == size for table in found[:-1])
    assert all(0 < table.num_rows <= size for table in found)


def test_references_name_every_file_with_its_part() -> None:
    parts = [Rows(("a", "b"), frozenset()), Rows(("c",), frozenset({"1"}), everything=False)]
    assert references(parts) == [
        {"key": "a", "part": 0}, {"key": "b", "part": 0}, {"key": "c", "part": 1},
    ]  # fmt: skip
    table = pa.table({"chunk_id": ["1", "2"]})
    assert parts[1].of(table)["chunk_id"].to_pylist() == ["1"]
    assert parts[0].of(table).num_rows == 2
