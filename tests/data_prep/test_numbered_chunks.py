"""A random chunk costs the same in any corpus, and number 7 is the same chunk however files are cut."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cluster.corpora import Corpora, Generation
from cluster.objects import LocalStore
from data_prep.corpus.generations import publish_generation
from data_prep.corpus.tables import chunk_table
from data_prep.corpus.texts import chunks_by_document, document_text
from data_prep.sets.numbered_chunks import number_chunks
from tests.corpus_texts import MANIFEST, documents


def published(store: LocalStore, name: str, count: int) -> Generation:
    table = chunk_table(documents(count))
    publish_generation(store, table, {**MANIFEST, "generation": name, "chunks": table.num_rows})
    return Corpora(store).generation("texts", name)


def test_numbers_reach_every_chunk_in_the_order_of_ids(store: LocalStore, tmp_path: Path) -> None:
    numbered = number_chunks(store, published(store, "g-1", 40), tmp_path)
    every = [numbered.chunk(number) for number in range(len(numbered))]
    assert every == sorted(documents(40), key=lambda chunk: chunk.chunk_id)


def test_draw_is_seeded_without_repeats_and_reads_only_what_is_used(
    store: LocalStore, tmp_path: Path
) -> None:
    numbered = number_chunks(store, published(store, "g-1", 40), tmp_path)
    drawn = [chunk.chunk_id for chunk in numbered.draw(7, 1000)]
    assert len(set(drawn)) == len(drawn) == len(numbered)
    assert [chunk.chunk_id for chunk in numbered.draw(7, 1000)] == drawn
    assert [chunk.chunk_id for chunk in numbered.draw(8, 1000)] != drawn
    assert next(iter(numbered.draw(7, 1000))).chunk_id == drawn[0]


def test_numbered_chunks_are_made_once_and_other_files_give_the_same(
    store: LocalStore, tmp_path: Path
) -> None:
    generation = published(store, "g-1", 40)
    first = number_chunks(store, generation, tmp_path)
    drawn = list(first.draw(3, 5))
    (key,) = [key for key in store.list("corpora") if "chunks-" in key]
    table = pq.read_table(store.arrow()[1] + "/" + key)
    store.delete(key)  # the file does not look at the files again
    assert list(number_chunks(store, generation, tmp_path).draw(3, 5)) == drawn

    turned = table.take(list(range(table.num_rows))[::-1])
    pq.write_table(turned, tmp_path / "turned.parquet", row_group_size=7)
    store.upload(key, tmp_path / "turned.parquet")
    assert list(number_chunks(store, generation, tmp_path / "elsewhere").draw(3, 5)) == drawn


@pytest.mark.parametrize("wanted", [["d0001"], ["d0003", "d0000", "none"], []])
def test_documents_are_read_back_whole(store: LocalStore, wanted: list[str]) -> None:
    found = chunks_by_document(store, published(store, "g-1", 5), wanted)
    assert sorted(found) == sorted(set(wanted) - {"none"})
    for doc, chunks in found.items():
        text = document_text(chunks)
        assert text.startswith(f"Document {doc} is about")
        assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
