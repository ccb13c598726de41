"""What a ledger remembers, and that those of before are read."""

import json

import pyarrow as pa
import pytest

from cluster.errors import NotFoundError
from cluster.objects import LocalStore
from data_prep.corpus.ledger import (
    Entry,
    Ledger,
    count_notices,
    ledger_key,
    read_ledger,
    read_snapshot,
    write_ledger,
)
from data_prep.corpus.plan import Outcome, make_plan, settle
from data_prep.corpus.sources.origins import Origin
from data_prep.corpus.tables import put_table
from data_prep.documents.formats.notices import Notice
from data_prep.documents.listed import Failure, Listing, Source

SCANNED = Notice("pages without text", "9 of 10 pages have no text")
HIDDEN = Notice("hidden sheets", "sheet 'Köln' is hidden")


def test_entries_sources_and_notices_come_back(store: LocalStore) -> None:
    entries = {
        "a": Entry(
            "a", "file:///a", "1", "indexed", "", "1", 3, "g", 1, ("/x", "/y"), (SCANNED, HIDDEN)
        ),
        "b": Entry("b", "file:///b", "", "failed", "gone"),
    }
    origins = (Origin("/x", "body", "key", "2026-01-01", {".png": 2}), Origin("/y"))
    write_ledger(store, "docs", "g", entries.values(), origins)
    assert read_snapshot(store, "docs", "g") == Ledger(entries, origins)
    assert read_ledger(store, "docs", "g") == entries


@pytest.mark.parametrize("location", ["/docs", "file:///docs/"])
def test_ledger_of_before_is_a_corpus_with_one_source(store: LocalStore, location: str) -> None:
    row = {
        "doc_id": "a", "uri": "file:///docs/a", "content_hash": "1", "state": "indexed",
        "reason": "", "indexed_hash": "1", "chunks": 2, "generation": "g", "attempts": 1,
    }  # fmt: skip
    origin = {"location": location, "text_column": "", "id_column": ""}
    table = pa.Table.from_pylist([row])
    table = table.replace_schema_metadata({b"openbook.origin": json.dumps(origin).encode()})
    put_table(store, ledger_key("docs", "g"), table)
    ledger = read_snapshot(store, "docs", "g")
    assert ledger.origins == (Origin("/docs"),)
    assert ledger.entries["a"].sources == ("/docs",)
    assert ledger.entries["a"].notices == ()


def test_ledger_that_names_no_source_is_read(store: LocalStore) -> None:
    write_ledger(store, "docs", "g", [Entry("a", "file:///a", "1", "indexed")])
    assert read_snapshot(store, "docs", "g").origins == ()
    with pytest.raises(NotFoundError, match="generation h, is missing"):
        read_snapshot(store, "docs", "h")


def source(content: str) -> Listing:
    return Listing((Source("a", "file:///a", content, "text", "/a", 0, 1),), ())


def test_notices_stay_with_the_version_that_is_searched() -> None:
    def ledger(before: dict[str, Entry], found: Listing, outcome: Outcome | None) -> Entry:
        plan = make_plan(before, {"/": found})
        return settle(plan, [outcome] if outcome else [], "i").entries["a"]

    scanned = ledger({}, source("1"), Outcome("a", "1", 2, notices=(SCANNED,)))
    assert scanned.notices == (SCANNED,)
    assert ledger({"a": scanned}, source("1"), None) == scanned
    broken = ledger({"a": scanned}, source("2"), Outcome("a", "2", 0, "damaged"))
    assert (broken.state, broken.notices) == ("failed", (SCANNED,))
    listed = Listing((), (Failure("a", "file:///a", "too large"),))
    assert ledger({"a": scanned}, listed, None).notices == (SCANNED,)
    mended = ledger({"a": broken}, source("3"), Outcome("a", "3", 2, notices=(HIDDEN,)))
    assert (mended.state, mended.notices) == ("indexed", (HIDDEN,))
    assert ledger({"a": scanned}, Listing((), ()), None).notices == ()


def test_notices_are_counted_by_documents() -> None:
    entries = [
        Entry("a", "", "", "indexed", notices=(SCANNED, SCANNED, HIDDEN)),
        Entry("b", "", "", "indexed", notices=(SCANNED,)),
        Entry("c", "", "", "indexed"),
    ]
    assert list(count_notices(entries).items()) == [
        ("pages without text", 2), ("hidden sheets", 1),
    ]  # fmt: skip
