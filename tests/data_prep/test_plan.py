"""The ledger against the source: every document is parsed when it must be, and never otherwise."""

from collections.abc import Mapping, Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from data_prep.corpus.ledger import Entry
from data_prep.corpus.plan import Outcome, Settled, make_plan, make_retry, settle
from data_prep.documents.listed import Failure, Listing, Source

INDEX = "0123456789ab"
HERE, THERE = "/here", "/there"


def source(doc_id: str, content: str) -> Source:
    return Source(doc_id, f"file:///{doc_id}", content, "text", f"/{doc_id}", 0, 1)


def listing(documents: Mapping[str, str], failures: Mapping[str, str] | None = None) -> Listing:
    failed = (Failure(d, f"file:///{d}", reason) for d, reason in (failures or {}).items())
    return Listing(tuple(source(d, content) for d, content in documents.items()), tuple(failed))


def ingested(
    before: Mapping[str, Entry], found: Listing, reasons: Mapping[str, str] | None = None
) -> Settled:
    """What a whole ingest would settle, when parsing fails for the documents in `reasons`."""
    plan = make_plan(before, {HERE: found})
    bad = reasons or {}
    outcomes = [
        Outcome(s.doc_id, s.content_hash, 0 if s.doc_id in bad else 2, bad.get(s.doc_id, ""))
        for s in plan.parse
    ]
    return settle(plan, outcomes, INDEX)


def counts(settled: Settled) -> tuple[int, ...]:
    order = ("added", "changed", "unchanged", "deleted", "failed")
    return tuple(settled.counts[name] for name in order)


def test_first_ingest_adds_everything() -> None:
    settled = ingested({}, listing({"a": "1", "b": "1"}, {"c.png": "unsupported"}))
    assert counts(settled) == (2, 0, 0, 0, 1)
    assert settled.generation.startswith(f"{INDEX}-")
    assert settled.entries["a"].generation == settled.generation


def test_second_ingest_of_the_same_is_a_noop() -> None:
    found = listing({"a": "1", "b": "1"}, {"c.png": "unsupported"})
    first = ingested({}, found, {"b": "damaged"})
    plan = make_plan(first.entries, {HERE: found})
    assert plan.is_noop
    again = settle(plan, [], INDEX)
    assert (again.generation, again.entries) == (first.generation, first.entries)
    assert counts(again) == (0, 0, 1, 0, 2)


def test_only_changed_and_new_documents_are_parsed() -> None:
    first = ingested({}, listing({"a": "1", "b": "1", "c": "1"}))
    found = listing({"a": "1", "b": "2", "d": "1"})
    assert [s.doc_id for s in make_plan(first.entries, {HERE: found}).parse] == ["b", "d"]
    settled = ingested(first.entries, found)
    assert counts(settled) == (1, 1, 1, 1, 0)
    assert settled.carried == {"a"}
    assert settled.entries["c"].state == "deleted"


def test_generation_follows_from_the_documents_and_not_from_history() -> None:
    first = ingested({}, listing({"a": "1", "b": "1"}))
    more = ingested(first.entries, listing({"a": "1", "b": "1", "c": "1"}, {"x.png": "no"}))
    back = ingested(more.entries, listing({"b": "1", "a": "1"}))
    assert more.generation != first.generation == back.generation


def test_document_that_broke_keeps_its_last_good_version() -> None:
    first = ingested({}, listing({"a": "good", "b": "1"}))
    broken = ingested(first.entries, listing({"a": "bad", "b": "1"}), {"a": "damaged"})
    entry = broken.entries["a"]
    assert (entry.state, entry.indexed_hash, entry.content_hash) == ("failed", "good", "bad")
    assert "still searched" in entry.reason
    assert broken.generation == first.generation
    assert "a" in broken.carried
    healed = make_plan(broken.entries, {HERE: listing({"a": "good", "b": "1"})})
    assert not healed.parse
    assert healed.settled["a"].state == "indexed"


def test_failed_document_is_tried_again_only_when_it_changed_or_was_unreadable() -> None:
    found = listing({"a": "1", "b": "1", "c": "1"})
    plan = make_plan({}, {HERE: found})
    outcomes = [Outcome("a", "1", 2), Outcome("b", "1", 0, "damaged"), Outcome("c", "", 0, "gone")]
    before = settle(plan, outcomes, INDEX).entries
    assert [s.doc_id for s in make_plan(before, {HERE: found}).parse] == ["c"]
    changed = listing({"a": "1", "b": "2", "c": "1"})
    assert [s.doc_id for s in make_plan(before, {HERE: changed}).parse] == ["b", "c"]


def test_deleted_document_that_comes_back_is_added() -> None:
    first = ingested({}, listing({"a": "1", "b": "1"}))
    gone = ingested(first.entries, listing({"b": "1"}))
    still_gone = ingested(gone.entries, listing({"b": "1"}))
    assert counts(still_gone) == (0, 0, 1, 0, 0)
    back = ingested(still_gone.entries, listing({"a": "1", "b": "1"}))
    assert counts(back) == (1, 0, 1, 0, 0)
    assert back.generation == first.generation


def test_attempts_count_tries_of_the_same_content() -> None:
    found = listing({"a": "1", "b": "1"}, {"c.png": "unsupported"})
    first = ingested({}, found, {"a": "damaged"}).entries
    assert {entry.attempts for entry in first.values()} == {1}
    assert ingested(first, found).entries == first
    plan = make_retry(first, {HERE: found})
    assert [source.doc_id for source in plan.parse] == ["a"]
    again = settle(plan, [Outcome("a", "1", 0, "damaged")], INDEX).entries
    assert (again["a"].attempts, again["b"].attempts, again["c.png"].attempts) == (2, 1, 2)
    other = ingested(again, listing({"a": "2", "b": "1"}), {"a": "damaged"}).entries
    assert other["a"].attempts == 1


def test_retry_touches_only_what_failed() -> None:
    first = ingested(
        {}, listing({"a": "1", "b": "1", "gone": "1", "x": "1"}), {"b": "bad", "x": "bad"}
    )
    found = listing({"a": "changed", "b": "1", "new": "1"})
    plan = make_retry(first.entries, {HERE: found})
    assert [source.doc_id for source in plan.parse] == ["b"]
    settled = settle(plan, [Outcome("b", "1", 2)], INDEX)
    assert counts(settled) == (1, 0, 2, 0, 0)
    states = {doc_id: entry.state for doc_id, entry in settled.entries.items()}
    assert states == {"a": "indexed", "b": "indexed", "gone": "indexed"}
    assert settled.entries["a"].content_hash == "1"
    assert settled.entries["b"].attempts == 2
    assert settled.carried == {"a", "gone"}


def test_retry_finds_the_good_version_back() -> None:
    first = ingested({}, listing({"a": "good"}))
    broken = ingested(first.entries, listing({"a": "bad"}), {"a": "damaged"})
    plan = make_retry(broken.entries, {HERE: listing({"a": "good"})})
    assert (plan.parse, plan.settled["a"].state) == ((), "indexed")


# a parser says the same of the same content: "bad" never becomes chunks
STATES = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["1", "2", "bad"]), max_size=6)
GOOD_STATES = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("12"), max_size=6)


def ingest_state(before: Mapping[str, Entry], documents: Mapping[str, str]) -> Settled:
    reasons = {name: "damaged" for name, content in documents.items() if content == "bad"}
    return ingested(before, listing(documents), reasons)


def ledger_after(history: Sequence[Mapping[str, str]]) -> Mapping[str, Entry]:
    entries: Mapping[str, Entry] = {}
    for documents in history:
        entries = ingest_state(entries, documents).entries
    return entries


@given(st.lists(STATES, max_size=4), STATES)
def test_ingest_twice_is_ingest_once_after_any_history(
    history: list[dict[str, str]], documents: dict[str, str]
) -> None:
    once = ingest_state(ledger_after(history), documents)
    plan = make_plan(once.entries, {HERE: listing(documents)})
    assert plan.is_noop
    again = settle(plan, [], INDEX)
    assert (again.generation, again.entries) == (once.generation, once.entries)


@given(st.lists(STATES, max_size=4), STATES, st.randoms(use_true_random=False))
def test_order_of_files_changes_nothing_after_any_history(
    history: list[dict[str, str]], documents: dict[str, str], choice: Random
) -> None:
    before, shuffled = ledger_after(history), list(documents.items())
    choice.shuffle(shuffled)
    assert ingest_state(before, dict(shuffled)) == ingest_state(before, documents)


@given(st.lists(GOOD_STATES, max_size=4), GOOD_STATES)
def test_generation_follows_from_the_documents_whatever_the_history(
    history: list[dict[str, str]], documents: dict[str, str]
) -> None:
    fresh = ingest_state({}, documents)
    assert ingest_state(ledger_after(history), documents).generation == fresh.generation


@given(st.lists(STATES, max_size=4), STATES)
def test_every_document_is_counted_once_after_any_history(
    history: list[dict[str, str]], documents: dict[str, str]
) -> None:
    before = ledger_after(history)
    settled = ingest_state(before, documents)
    bad = {name for name, content in documents.items() if content == "bad"}
    searched = {name for name, entry in settled.entries.items() if entry.indexed_hash}
    assert documents.keys() - bad <= searched <= documents.keys()
    assert {name for name, entry in settled.entries.items() if entry.state == "failed"} == bad
    added, changed, unchanged, deleted, failed = counts(settled)
    assert added + changed + unchanged + failed == len(documents)
    gone = [entry for name, entry in before.items() if name not in documents]
    assert deleted == sum(bool(entry.indexed_hash) for entry in gone)
