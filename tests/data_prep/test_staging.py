"""Staged shards survive a kill: found by name, complete or absent, with a reason for each failure."""

from pathlib import Path

import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from cluster.objects import open_store
from cluster.settings import Settings
from data_prep.ingest import changed_rows
from data_prep.ledger import Entry, read_ledger, write_ledger
from data_prep.sources import Source, list_sources
from data_prep.staging import Shard, StageShards, StageTask, Staging
from data_prep.tables import chunk_table, chunks_of
from tests.documents import mixed_folder

MAX_TOKENS = 256


@pytest.fixture
def staging(settings: Settings) -> Staging:
    return Staging(open_store(settings), "docs", "index")


def stage(settings: Settings, staging: Staging, tokenizer: Tokenizer, shards: list[Shard]) -> None:
    task = StageTask(settings, staging.put_tokenizer(tokenizer), MAX_TOKENS, "print")
    StageShards(task)(pa.Table.from_pylist([shard.as_row() for shard in shards]))


def sources_of(folder: Path) -> tuple[Source, ...]:
    return list_sources(str(folder), 100).sources


def test_documents_become_chunks_and_failures_reasons(
    settings: Settings, staging: Staging, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    shards = staging.shards(sources_of(mixed_folder(tmp_path / "docs")), 2)
    stage(settings, staging, tokenizer, shards)
    outcomes = {outcome.doc_id: outcome for outcome in staging.outcomes(shards)}
    assert [name for name, outcome in outcomes.items() if outcome.reason] == ["broken.pdf"]
    chunks = chunks_of(staging.chunks(shards))
    assert {chunk.doc_id for chunk in chunks} == outcomes.keys() - {"broken.pdf"}
    assert {chunk.title for chunk in chunks if chunk.doc_id == "spec.pdf"} == {"Spec"}
    assert sum(outcome.chunks for outcome in outcomes.values()) == len(chunks)


def test_only_missing_shards_are_staged_again(
    settings: Settings, staging: Staging, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    shards = staging.shards(sources_of(mixed_folder(tmp_path / "docs")), 2)
    stage(settings, staging, tokenizer, shards[:1])
    assert staging.missing(shards) == shards[1:]
    assert staging.leftovers(shards) == set()
    assert not staging.is_clear()
    staging.clear()
    assert staging.is_clear()


def test_shards_of_other_content_are_leftovers(
    settings: Settings, staging: Staging, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = mixed_folder(tmp_path / "docs")
    killed = staging.shards(sources_of(folder), 9)
    stage(settings, staging, tokenizer, killed)
    (folder / "lamp.md").write_text("Another lamp.")
    now = staging.shards(sources_of(folder), 9)
    stage(settings, staging, tokenizer, now)
    assert staging.leftovers(now) == {c.chunk_id for c in chunks_of(staging.chunks(killed))}


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_file_that_moved_under_us_is_tried_again_next_time(
    settings: Settings, staging: Staging, tokenizer: Tokenizer, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    shards = staging.shards(sources_of(tmp_path), 9)
    if damage == "changed":
        path.write_text("after!")
    else:
        path.unlink()
    stage(settings, staging, tokenizer, shards)
    (outcome,) = staging.outcomes(shards)
    assert outcome.reason.startswith("cannot be read")
    assert outcome.content_hash == ""


def test_chunks_survive_their_table(
    settings: Settings, staging: Staging, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"_id": "1", "text": "body", "metadata": {"year": 2011, "tags": ["a"]}}\n')
    shards = staging.shards(sources_of(path), 9)
    stage(settings, staging, tokenizer, shards)
    table = staging.chunks(shards)
    assert chunks_of(chunk_table(chunks_of(table))) == chunks_of(table)
    assert chunks_of(table)[0].metadata == {"year": 2011, "tags": ["a"]}


def test_row_with_the_same_id_but_another_title_is_written_again(
    settings: Settings, staging: Staging, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "corpus.jsonl"
    tables = []
    for title in ("old", "new"):
        path.write_text(
            f'{{"_id": "1", "title": "{title}", "text": "same"}}\n{{"_id": "2", "text": "x"}}\n'
        )
        shards = staging.shards(sources_of(path), 9)
        stage(settings, staging, tokenizer, shards)
        tables.append(staging.chunks(shards))
    before, staged = tables
    assert before["chunk_id"].to_pylist() == staged["chunk_id"].to_pylist()
    assert changed_rows(before, staged) == {staged["chunk_id"][0].as_py()}
    assert changed_rows(before, before) == set()


def test_ledger_is_read_back_as_written(settings: Settings) -> None:
    store = open_store(settings)
    entries = {
        "a": Entry("a", "file:///a", "1", "indexed", "", "1", 3, "g"),
        "b": Entry("b", "file:///b", "", "failed", "gone"),
    }
    write_ledger(store, "docs", "g", entries.values())
    assert read_ledger(store, "docs", "g") == entries
