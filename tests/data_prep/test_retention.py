"""What is live, pinned or used is never removed; what goes, goes whole."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.corpora import Generation
from cluster.errors import NotFoundError
from cluster.session import Session
from cluster.settings import IngestSettings, Settings
from data_prep.corpus.retention import Retention, choose
from tests.handmade import INDEX, OTHER_INDEX, add_rows, publish_texts, rayless

NAMES = [f"{index}-{number}" for index in (INDEX, OTHER_INDEX) for number in range(4)]


def generation(name: str) -> Generation:
    collection = f"openbook_{name.partition('-')[0]}"
    return Generation("docs", name, collection, {}, "e", 8, 1, 1, "2026-01-01")


@given(
    names=st.lists(st.sampled_from(NAMES), unique=True, min_size=1),
    order=st.lists(st.sampled_from(NAMES), unique=True),
    pinned=st.sets(st.sampled_from(NAMES)),
    used=st.sets(st.sampled_from(NAMES)),
    keep=st.integers(1, 5),
)
def test_choice_never_takes_what_is_needed(
    names: list[str], order: list[str], pinned: set[str], used: set[str], keep: int
) -> None:
    generations = [generation(name) for name in names]
    sweep = choose(generations, order, pinned, used, keep)
    assert set(sweep.kept) | set(sweep.removed) == set(names)
    assert not set(sweep.kept) & set(sweep.removed)
    needed = (set(order[:1]) | pinned | used) & set(names)
    assert needed <= set(sweep.kept)
    assert len(sweep.kept) >= min(keep, len(names))
    assert len(sweep.kept) <= keep + len(needed)
    kept_collections = {generation(name).collection for name in sweep.kept}
    assert not kept_collections & set(sweep.collections)


@pytest.fixture
def session(settings: Settings, milvus_uri: str) -> Iterator[Session]:
    update = {
        "milvus": settings.milvus.model_copy(update={"uri": milvus_uri}),
        "ingest": IngestSettings(keep_generations=1),
    }
    with rayless(settings.model_copy(update=update)) as opened:
        yield opened


def publish_numbers(session: Session, corpus: str, count: int, index: str = INDEX) -> list[str]:
    texts = [{"doc": f"Version {number}."} for number in range(count)]
    return [publish_texts(session, corpus, text, index).generation for text in texts]


def test_pinned_and_used_generations_outlive_their_time(session: Session) -> None:
    pinned, used, gone, live = publish_numbers(session, "pins", 4)
    retention = Retention(session, "pins")
    retention.pin(pinned)
    manifest = {"corpus": "pins", "generation": used}
    session.datasets.publish("exam", "v1", {}, manifest, "card")
    planned = retention.plan()
    assert planned.removed == (gone,)
    assert retention.collect() == planned
    assert {g.generation for g in session.corpora.generations("pins")} == {pinned, used, live}
    assert not [key for key in session.store.list("corpora/pins") if gone in key]
    assert planned.kept[used] == ("used by training sets",)
    retention.unpin(pinned)
    assert retention.collect().removed == (pinned,)
    with pytest.raises(NotFoundError, match="no generation"):
        retention.pin(pinned)


def test_generation_that_comes_back_after_its_removal_can_be_pinned(session: Session) -> None:
    old, _ = publish_numbers(session, "back", 2)
    retention = Retention(session, "back")
    assert retention.collect().removed == (old,)
    again = publish_numbers(session, "back", 1)
    assert again == [old]
    retention.pin(old)
    assert retention.pinned() == {old}


def test_killed_removal_is_finished_by_the_next(session: Session) -> None:
    old, live = publish_numbers(session, "killed-gc", 2)
    session.store.delete(f"corpora/killed-gc/generations/{old}/manifest.json")  # killed here
    Retention(session, "killed-gc").collect()
    left = list(session.store.list("corpora/killed-gc"))
    assert not [key for key in left if old in key and not key.endswith("live.json")]
    assert [g.generation for g in session.corpora.generations("killed-gc")] == [live]


@pytest.mark.slow
def test_collection_goes_with_its_last_generation(session: Session) -> None:
    texts = {"doc": "Version 0."}
    old = add_rows(session, "indexes", texts, INDEX)
    kept = add_rows(session, "indexes", texts, OTHER_INDEX)
    publish_numbers(session, "indexes", 1, INDEX)
    publish_numbers(session, "indexes", 1, OTHER_INDEX)
    assert Retention(session, "indexes").collect().collections == (old,)
    assert (session.vectors.exists(old), session.vectors.exists(kept)) == (False, True)


@pytest.mark.slow
def test_build_that_was_given_up_loses_its_collection(session: Session) -> None:
    texts = {"doc": "Version 0."}
    kept = add_rows(session, "given-up", texts, INDEX)
    half = add_rows(session, "given-up", texts, OTHER_INDEX)
    publish_numbers(session, "given-up", 1, INDEX)
    for index in (INDEX, OTHER_INDEX):
        session.store.put(f"corpora/given-up/staging/{index}/x", b"")
    Retention(session, "given-up").drop_abandoned()
    assert (session.vectors.exists(half), session.vectors.exists(kept)) == (False, True)
