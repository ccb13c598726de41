"""Which document a listed one is: ids last, clash never, and what is one file is one document."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import InputError
from data_prep.corpus.ledger import Entry
from data_prep.corpus.plan import Outcome, make_plan, settle
from data_prep.corpus.sources.identities import identify
from data_prep.corpus.sources.origins import Origin, find_origin, normalise, with_origin
from data_prep.documents.listed import Failure, Listing, Source
from data_prep.documents.records.fields import MAX_ID_BYTES


def files(root: str, *names: str, scheme: str = "file://") -> Listing:
    """Files below a root, each with bytes of its own."""
    uris = [f"{scheme}{root}/{name}" for name in names]
    return Listing(
        tuple(
            Source(name, uri, f"hash of {uri}", "text", uri, 0, 1)
            for name, uri in zip(names, uris, strict=True)
        ),
        (),
    )


def record(doc_id: str, uri: str, content: str, id_column: str = "_id") -> Source:
    return Source(doc_id, uri, content, "record", "/r.jsonl", 0, 1, "text", id_column)


def ingested(before: Mapping[str, Entry], location: str, listing: Listing) -> dict[str, Entry]:
    """The ledger after an ingest of one location beside those that the ledger has."""
    others = {name for entry in before.values() for name in entry.sources} - {location}
    found = identify(before, {location: listing})
    plan = make_plan(before, found.listings, others)
    outcomes = [Outcome(source.doc_id, source.content_hash, 1) for source in plan.parse]
    return dict(settle(plan, outcomes, "i").entries)


def ids(entries: Mapping[str, Entry]) -> dict[str, str]:
    return {entry.uri: doc_id for doc_id, entry in entries.items() if entry.state != "deleted"}


def test_name_of_another_source_gets_the_folder_in_front() -> None:
    first = ingested({}, "/x/docs", files("/x/docs", "a.md"))
    second = ingested(first, "/y/docs", files("/y/docs", "a.md", "b.md"))
    third = ingested(second, "/z/docs", files("/z/docs", "a.md"))
    names = ids(third)
    assert names["file:///x/docs/a.md"] == "a.md"
    assert names["file:///y/docs/a.md"] == "docs/a.md"
    assert names["file:///y/docs/b.md"] == "b.md"
    assert names["file:///z/docs/a.md"].startswith("docs-")
    assert ids(ingested({}, "/z/docs", files("/z/docs", "a.md"))) == {"file:///z/docs/a.md": "a.md"}


def test_given_name_is_not_taken_from_a_file_that_is_called_so() -> None:
    first = ingested({}, "/x", files("/x", "a.md"))
    second = ingested(first, "/docs", files("/docs", "a.md", "docs/a.md"))
    names = ids(second)
    assert names["file:///docs/docs/a.md"] == "docs/a.md"
    assert names["file:///docs/a.md"] not in {"a.md", "docs/a.md"}
    alone = ingested(first, "/docs", files("/docs", "a.md"))
    assert ids(alone)["file:///docs/a.md"] == "docs/a.md"
    later = ids(ingested(alone, "/docs", files("/docs", "a.md", "docs/a.md")))
    assert later["file:///docs/a.md"] == "docs/a.md"
    assert later["file:///docs/docs/a.md"] == "docs/docs/a.md"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/y/docs", "docs/a.md"), ("/y/docs/**/*.md", "docs/a.md"), ("/y/docs/a.md", "docs/a.md"),
        ("s3://bucket/2026/docs", "docs/a.md"), ("s3://bucket", "bucket/a.md"),
        ("/*", "source/a.md"),
    ],
)  # fmt: skip
def test_folder_in_front_is_the_last_one_that_the_location_names(
    location: str, expected: str
) -> None:
    first = ingested({}, "/x", files("/x", "a.md"))
    names = ids(ingested(first, location, files("/elsewhere", "a.md")))
    assert names["file:///elsewhere/a.md"] == expected


def test_long_names_stay_within_what_a_row_can_hold() -> None:
    long = "n" * (MAX_ID_BYTES - 3) + ".md"
    first = ingested({}, "/x", files("/x", long))
    name = ids(ingested(first, "/docs", files("/docs", long)))[f"file:///docs/{long}"]
    assert name != long
    assert len(name.encode()) <= MAX_ID_BYTES


def test_file_that_two_sources_list_keeps_the_id_of_the_first_and_its_changes() -> None:
    first = ingested({}, "/docs", files("/docs", "in/a.md"))
    second = ingested(first, "/docs/in", files("/docs/in", "a.md"))
    assert list(second) == ["in/a.md"]
    assert second["in/a.md"].sources == ("/docs", "/docs/in")
    (source,) = files("/docs/in", "a.md").sources
    changed = Listing((Source("a.md", source.uri, "new", "text", "", 0, 1),), ())
    assert ingested(second, "/docs/in", changed)["in/a.md"].indexed_hash == "new"
    alone = ingested(second, "/docs", Listing((), ()))
    assert (alone["in/a.md"].state, alone["in/a.md"].sources) == ("indexed", ("/docs/in",))
    assert ingested(alone, "/docs/in", Listing((), ()))["in/a.md"].state == "deleted"


def test_documents_that_several_locations_list_for_the_first_time_are_told_apart() -> None:
    listings = {"/x": files("/x", "a.md"), "/y": files("/y", "a.md"), "/x/**": files("/x", "a.md")}
    found = identify({}, listings)
    plan = make_plan({}, found.listings)
    assert {source.doc_id: plan.sources[source.doc_id] for source in plan.parse} == {
        "a.md": ("/x", "/x/**"), "y/a.md": ("/y",),
    }  # fmt: skip
    assert found.renamed == {"y/a.md": "a.md"}


def test_record_without_an_id_of_its_own_is_one_with_its_equal() -> None:
    mine = Listing((record("hash", "file:///x.jsonl#hash", "1", ""),), ())
    yours = Listing((record("hash", "file:///y.jsonl#hash", "2", ""),), ())
    first = ingested({}, "/x.jsonl", mine)
    second = ingested(first, "/y.jsonl", yours)
    assert second["hash"].sources == ("/x.jsonl", "/y.jsonl")
    assert second["hash"].indexed_hash == "1"
    assert ingested(second, "/y.jsonl", yours) == second


def test_file_that_is_called_like_a_record_is_renamed_and_the_record_stays() -> None:
    first = ingested({}, "/r.jsonl", Listing((record("a.md", "https://a", "1"),), ()))
    second = ingested(first, "/docs", files("/docs", "a.md"))
    assert ids(second) == {"https://a": "a.md", "file:///docs/a.md": "docs/a.md"}


def test_failures_of_two_sources_are_told_apart() -> None:
    def broken(root: str) -> Listing:
        return Listing((), (Failure("a.xyz", f"file://{root}/a.xyz", "unsupported"),))

    first = ingested({}, "/x", broken("/x"))
    second = ingested(first, "/y", broken("/y"))
    assert {name: entry.sources for name, entry in second.items()} == {
        "a.xyz": ("/x",), "y/a.xyz": ("/y",),
    }  # fmt: skip
    assert ingested(second, "/y", broken("/y")) == second


NAMES = st.sets(st.sampled_from(["a.md", "b.md", "x/a.md", "y/a.md", "y/y/a.md"]), max_size=5)
STEPS = st.lists(
    st.tuples(st.sampled_from(["/x", "/y", "/y/y", "/q/y", "s3://y"]), NAMES), max_size=8
)


def listed(location: str, names: set[str]) -> Listing:
    return files(location.removeprefix("s3://"), *sorted(names), scheme=location.partition("/")[0])


@given(STEPS)
def test_every_file_has_one_id_that_lasts_whatever_is_added_and_removed(
    steps: list[tuple[str, set[str]]],
) -> None:
    entries: dict[str, Entry] = {}
    held: dict[str, set[str]] = {}
    for location, names in steps:
        before = ids(entries)
        listing = listed(location, names)
        entries = ingested(entries, location, listing)
        held[location] = {source.uri for source in listing.sources}
        after = ids(entries)
        assert after.keys() == set().union(*held.values())
        assert all(after[uri] == before[uri] for uri in after.keys() & before.keys())
        assert ingested(entries, location, listing) == entries


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/docs/", "/docs"), ("/docs/../docs/./x", "/docs/x"), ("file:///docs/", "/docs"),
        ("s3://bucket/docs/", "s3://bucket/docs"), ("s3://bucket/", "s3://bucket"), ("s3://", "s3://"),
        ("/docs/**/*.md", "/docs/**/*.md"), ("https://x/y/", "https://x/y/"),
    ],
)  # fmt: skip
def test_location_has_one_name_however_it_is_written(written: str, expected: str) -> None:
    assert normalise(written) == normalise(expected) == expected
    origins = with_origin([Origin("/first"), Origin(expected)], Origin(expected, "body"))
    assert origins == (Origin("/first"), Origin(expected, "body"))
    assert find_origin("docs", origins, written).text_column == "body"


def test_location_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(InputError, match="not valid UTF-8"):
        normalise("/docs/\udcff")
