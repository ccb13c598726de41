"""A generation goes live only when it finds itself, and an earlier one comes back exactly."""

from collections.abc import Iterator

import pytest

from cluster.errors import BusyError, ConflictError, GateError, NotFoundError
from cluster.session import Session
from cluster.settings import ModelSettings, Settings
from data_prep.corpus.ingest import corpus_lease
from data_prep.corpus.parts import Part
from data_prep.corpus.release import Release, Target
from data_prep.corpus.rollback import delete_corpus, rollback
from data_prep.corpus.tables import chunk_table, put_table
from tests.handmade import (
    INDEX,
    NEW,
    OLD,
    OTHER_INDEX,
    add_rows,
    chunks_of_texts,
    generation_of,
    publish_texts,
    rayless,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def session(settings: Settings, milvus_uri: str) -> Iterator[Session]:
    milvus = settings.milvus.model_copy(update={"uri": milvus_uri})
    with rayless(settings.model_copy(update={"milvus": milvus})) as opened:
        yield opened


@pytest.fixture
def corpus(request: pytest.FixtureRequest) -> str:
    """A name of its own: tests share one Milvus."""
    return request.node.name.removeprefix("test_").replace("_", "-")[:60]


def ids_of(texts: dict[str, str]) -> set[str]:
    return {chunk.chunk_id for chunk in chunks_of_texts(texts)}


def target_of(session: Session, corpus: str, texts: dict[str, str]) -> Target:
    generation = generation_of(session, corpus, texts)
    put_table(session.store, f"{corpus}.parquet", chunk_table(chunks_of_texts(texts)))
    return Target(generation, (Part.of(session.store, [f"{corpus}.parquet"]),))


def test_new_rows_are_added_before_and_old_ones_removed_after_the_move(
    session: Session, corpus: str
) -> None:
    collection = add_rows(session, corpus, OLD)
    old = publish_texts(session, corpus, OLD)
    add_rows(session, corpus, NEW)
    seen = []

    def publish() -> None:
        seen.append(session.vectors.chunk_ids(collection))
        publish_texts(session, corpus, NEW, live=False)

    assert Release(session, target_of(session, corpus, NEW)).run(publish) == 0
    assert seen == [ids_of(OLD) | ids_of(NEW)]
    assert session.vectors.chunk_ids(collection) == ids_of(NEW)
    pointer = session.corpora.pointer(corpus)
    assert pointer is not None
    assert (pointer.history, pointer.settled) == ((old.generation,), True)


def test_generation_that_does_not_find_itself_changes_nothing(
    session: Session, corpus: str
) -> None:
    collection = add_rows(session, corpus, OLD)
    old = publish_texts(session, corpus, OLD)
    many = {f"d{n}": f"Number {n} of many." for n in range(40)}
    add_rows(session, corpus, many, wrong=True)
    dense = session.settings.retrieval.model_copy(update={"mode": "dense"})
    session.settings = session.settings.model_copy(update={"retrieval": dense})
    release = Release(session, target_of(session, corpus, many))
    with pytest.raises(GateError, match=r"of 40 sampled chunks.*probe_recall asks for 90%.*Number"):
        release.run(lambda: pytest.fail("it was published"))
    assert session.corpora.live(corpus).generation == old.generation
    assert session.vectors.chunk_ids(collection) >= ids_of(OLD)
    assert not session.vectors.chunk_ids(collection) & ids_of(many)


def test_rollback_goes_back_step_by_step_and_forward_by_name(session: Session, corpus: str) -> None:
    generations = []
    for number, index in enumerate((INDEX, OTHER_INDEX, "c" * 12)):
        texts = {"lamp": f"The lamp needs {number} bolts."}
        add_rows(session, corpus, texts, index)
        generations.append(publish_texts(session, corpus, texts, index).generation)
    first, second, third = generations
    report = rollback(session, corpus)
    assert (report["generation"], report["before"]) == (second, third)
    assert report["chunks"] == {"written": 0, "total": 1}
    assert rollback(session, corpus)["generation"] == first
    with pytest.raises(ConflictError, match="no generation that was live before"):
        rollback(session, corpus)
    assert rollback(session, corpus, third)["generation"] == third
    assert rollback(session, corpus)["generation"] == first


def test_interrupted_change_is_finished_and_goes_no_further(session: Session, corpus: str) -> None:
    collection = add_rows(session, corpus, OLD)
    old = publish_texts(session, corpus, OLD)
    add_rows(session, corpus, NEW)
    new = publish_texts(session, corpus, NEW, live=False)
    session.corpora.move_live(corpus, new.generation, old.generation)  # killed here
    assert rollback(session, corpus)["generation"] == new.generation
    assert session.vectors.chunk_ids(collection) == ids_of(NEW)


def test_rollback_is_refused_while_the_corpus_is_changed(session: Session, corpus: str) -> None:
    publish_texts(session, corpus, OLD)
    with (
        corpus_lease(session, corpus, "ingest"),
        pytest.raises(BusyError, match=r"rollback of corpus.*cannot start: ingest of corpus"),
    ):
        rollback(session, corpus)


def test_generation_of_another_embedder_is_refused(session: Session, corpus: str) -> None:
    add_rows(session, corpus, OLD)
    old = publish_texts(session, corpus, OLD)
    models = ModelSettings(embedder="another/model")
    session.settings = session.settings.model_copy(update={"models": models})
    with pytest.raises(ConflictError, match=r"models\.embedder is 'another/model'"):
        rollback(session, corpus, old.generation)
    with pytest.raises(ConflictError, match="ingest the corpus again"):
        session.retriever.retrieve(old, ["lamp?"])


def test_unknown_generation_is_named_with_the_known_ones(session: Session, corpus: str) -> None:
    old = publish_texts(session, corpus, OLD)
    with pytest.raises(NotFoundError, match=f"'nope'.*known: {old.generation}"):
        rollback(session, corpus, "nope")


def test_deleted_corpus_leaves_nothing(session: Session, corpus: str) -> None:
    collection = add_rows(session, corpus, OLD)
    publish_texts(session, corpus, OLD)
    session.store.put(f"corpora/{corpus}/staging/{OTHER_INDEX}/x", b"half a build")
    half = add_rows(session, corpus, OLD, OTHER_INDEX)
    session.corpora.forget(corpus)  # killed once, right at its start
    assert delete_corpus(session, corpus) == sorted([collection, half])
    assert not list(session.store.list(f"corpora/{corpus}"))
    assert not session.vectors.exists(collection)
    assert not session.vectors.exists(half)
    with pytest.raises(NotFoundError, match="does not exist"):
        delete_corpus(session, corpus)
