"""Chunks are read where they lie: what a part names, and the order in which rows come out."""

from random import Random

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cluster.objects import LocalStore
from cluster.records import Chunk
from data_prep.corpus.parts import Part, borders, digests_of, in_order
from data_prep.corpus.tables import CHUNKS, ORDER, chunk_table, put_table

DOCUMENTS = st.dictionaries(
    st.text("abcé\U0001f600", min_size=1, max_size=3),
    st.integers(1, 4),
    max_size=12,
)


def chunks(doc_id: str, count: int, title: str = "") -> list[Chunk]:
    return [
        Chunk(f"{doc_id}-{n}", doc_id, "uri", title, f"text {n}", None, n * 9, n * 9 + 6, 2)
        for n in range(count)
    ]


@given(DOCUMENTS, st.integers(1, 5), st.randoms())
def test_rows_come_out_in_order_whatever_the_tables(
    documents: dict[str, int], size: int, random: Random
) -> None:
    rows = [chunk for doc_id, count in documents.items() for chunk in chunks(doc_id, count)]
    expected = chunk_table(rows).sort_by(ORDER)
    random.shuffle(rows)
    tables = [chunk_table(rows[at : at + size]) for at in range(0, len(rows), size)]
    stretches = list(in_order([CHUNKS.empty_table(), *tables], borders(documents, size)))
    assert pa.concat_tables(stretches).to_pylist() == expected.to_pylist()
    longest = size + max(documents.values(), default=0)
    assert all(table.num_rows < longest for table in stretches)


def test_part_of_some_documents_holds_and_yields_only_these(store: LocalStore) -> None:
    put_table(store, "1", chunk_table(chunks("a", 2) + chunks("b", 1)))
    put_table(store, "2", chunk_table(chunks("c", 1)))
    whole, some = Part.of(store, ["1", "2"]), Part.of(store, ["1", "2"], {"a", "c"})
    assert (whole.everything, some.everything) == (True, False)
    assert sorted(some.digests) == ["a-0", "a-1", "c-0"]
    found = [row["chunk_id"] for table in some.tables(store) for row in table.to_pylist()]
    assert found == ["a-0", "a-1", "c-0"]
    picked = [table.num_rows for table in whole.tables(store, {"c-0", "unknown"})]
    assert picked == [0, 1]


def test_digest_changes_with_what_the_chunk_id_does_not_name() -> None:
    plain, titled = (digests_of(chunk_table(chunks("a", 1, title))) for title in ("", "Title"))
    assert plain.keys() == titled.keys()
    assert plain != titled


def test_part_of_a_build_from_before_sections_is_read(store: LocalStore) -> None:
    table = chunk_table(chunks("a", 2))
    put_table(store, "old", table.drop_columns(["section"]))
    part = Part.of(store, ["old"], {"a"})
    assert part.digests == digests_of(table)
    assert next(part.tables(store)).to_pylist() == table.to_pylist()
